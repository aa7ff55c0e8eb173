"""Feedback -> fine-tune jobs."""
