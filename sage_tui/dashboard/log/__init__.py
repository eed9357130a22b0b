"""Lines: follow, search, filter, copy, export."""
