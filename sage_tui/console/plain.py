"""Plain output: what the script prints, byte for byte, on the stream it was printed to."""

from __future__ import annotations

import contextlib

from sage_runtime.events import Event, Notice, Output, ReloadFailed, RunStarted
from sage_tui.console.descriptors import DescriptorWriter, OutputClosedError


def script_bytes(event: Output) -> bytes:
    """The bytes that were printed: undecodable ones come back as they were."""
    text = event.text + event.end
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte: as Python shows them on stderr
        return text.encode("utf-8", "backslashreplace")


class PlainSink:
    """A session's listener that writes the script's output; called on the session's reader thread.

    Of warnings it says a line on stderr, and of reloads, which only happen where files are watched.
    """

    def __init__(self, stdout: DescriptorWriter, stderr: DescriptorWriter) -> None:
        self._stdout = stdout
        self._stderr = stderr

    def __call__(self, line: bytes, event: Event) -> None:
        """Write what the event holds of the script's output.

        Raises:
            OutputClosedError: stdout takes no more.
            OutputAbandonedError: the writers were told to stop.
        """
        match event:
            case Output(stream="stderr"):
                self._say(script_bytes(event))
            case Output():
                self._stdout.write(script_bytes(event))
            case RunStarted(reason="reload" | "restart"):
                files = ", ".join(event.changed)
                self._remark(f"run {event.run}{f', changed: {files}' if files else ''}")
            case ReloadFailed():
                place = event.file if event.line is None else f"{event.file}:{event.line}"
                self._remark(f"not reloaded, {place}: {event.message}")
            case Notice(level="warning" | "error"):
                self._remark(event.message)

    def _remark(self, text: str) -> None:
        """Say something of our own; names of files may hold anything."""
        from sage_tui.state.format import clean  # only where there is something to say

        self._say(f"sage-tui: {clean(text)}\n".encode())

    def _say(self, data: bytes) -> None:
        with contextlib.suppress(OutputClosedError):  # nobody reads stderr: the script goes on, as it would by itself
            self._stderr.write(data)
