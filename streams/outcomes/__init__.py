"""What the numbers about effect mean."""
