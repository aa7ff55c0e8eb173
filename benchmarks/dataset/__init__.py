"""Behavior records that look like a day's traffic, made fast and always the same."""
