"""Preferences -> creative requests: who needs a creative, and why."""
