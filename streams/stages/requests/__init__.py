"""Preferences -> creative requests."""
