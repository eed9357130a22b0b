"""Bounded, safe texts of a user's values and exceptions."""
