"""Feedback -> training rows."""
