"""Releases and feedback -> which version is champion, canary or rolled back."""
