"""Releases and feedback -> promotion or rollback."""
