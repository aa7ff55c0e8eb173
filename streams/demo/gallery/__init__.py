"""What was made for whom and why, as one page."""
