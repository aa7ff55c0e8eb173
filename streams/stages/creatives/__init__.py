"""Requests -> creatives."""
