"""Preferences and requests -> creatives: which design, which words, and why."""
