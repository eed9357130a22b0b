"""Watching files, and what a save asks for."""
