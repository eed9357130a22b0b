"""A terminal dashboard that runs a SAGE pipeline and shows it live."""

__version__ = "0.1.0"
