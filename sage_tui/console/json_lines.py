"""JSON lines: every event of a run on stdout, one object a line, as the worker and the journal have it."""

from __future__ import annotations

from sage_runtime.events import Event
from sage_tui.console.descriptors import DescriptorWriter


class JsonLinesSink:
    """A session's listener that writes each event's line; called on the session's reader thread."""

    def __init__(self, stdout: DescriptorWriter) -> None:
        self._stdout = stdout

    def __call__(self, line: bytes, event: Event) -> None:
        """Write the line.

        Raises:
            OutputClosedError: stdout takes no more.
            OutputAbandonedError: the writer was told to stop.
        """
        self._stdout.write(line)
