"""Jobs that make versions, and the gates that judge them."""
