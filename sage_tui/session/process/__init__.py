"""Worker processes: start, read, stop."""
