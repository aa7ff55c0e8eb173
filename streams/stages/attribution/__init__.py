"""Impressions and reactions -> feedback."""
