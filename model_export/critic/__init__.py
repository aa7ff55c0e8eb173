"""What clicks say of designs: the Bayesian critic."""
