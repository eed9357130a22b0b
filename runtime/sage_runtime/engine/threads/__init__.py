"""The engine of threads: a thread for each replica and service, joined by bounded channels."""
