"""Panes of lines: follow, search, filter, copy, export."""
