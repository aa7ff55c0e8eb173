"""What people write -> what it says about them."""
