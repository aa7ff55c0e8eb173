"""Behaviour, profiles and texts -> what people like, decayed."""
