"""One module a figure (or a few that are measured together): session -> rows."""
