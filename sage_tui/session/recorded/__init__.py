"""Journals in the place of live runs."""
