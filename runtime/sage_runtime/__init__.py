"""What runs SAGE pipelines: standard library only, and it knows nothing of the dashboard."""
