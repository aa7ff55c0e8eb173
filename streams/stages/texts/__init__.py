"""Texts -> what they say of likings."""
