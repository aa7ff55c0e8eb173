"""Creative spaces: what designs there are, and what is legal."""
