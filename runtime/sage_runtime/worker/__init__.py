"""The worker process: runs the script and carries events and commands over two pipes."""
