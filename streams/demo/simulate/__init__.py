"""Simulated people with hidden tastes, for demos and benchmarks."""
