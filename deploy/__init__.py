"""What is needed to run Adloom that is not Python."""
