"""Measurements: one command for each claim about speed."""
