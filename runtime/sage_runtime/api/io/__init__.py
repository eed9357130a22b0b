"""The sources, batches and sinks that SAGE's libraries bring along."""
