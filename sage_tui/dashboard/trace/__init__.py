"""Traced records."""
