"""Impressions, clicks and conversions -> one outcome per impression."""
