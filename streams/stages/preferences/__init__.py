"""Behaviour -> rolling preference tables."""
