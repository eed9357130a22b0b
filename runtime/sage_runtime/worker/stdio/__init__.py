"""The worker's standard streams: captured, attributed and kept in order."""
