"""The stages of the flow: a folder each, what it means beside how it runs."""
