"""Simulated people, many worlds: what each method learns from clicks."""
