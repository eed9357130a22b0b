"""The exit statuses of the command that aren't the script's own."""

FAILED = 1
"""The script or a pipeline failed, a signal ended the run, or (with --fail-on-error) a record failed; or the dashboard
itself did."""

USAGE = 2
"""Wrong usage, or a FILE that is missing or is neither a script nor a recording."""

INTERRUPTED = 130
"""Ctrl+c, as shells give it for SIGINT."""

STDOUT_CLOSED = 141
"""Whoever read stdout has gone, as shells give it for SIGPIPE."""

SIGNALLED = 128
"""Added to the number of another signal that ended us."""
