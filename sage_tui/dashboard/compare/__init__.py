"""The runs of a session, and how they compare."""
