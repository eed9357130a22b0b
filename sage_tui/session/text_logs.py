"""`output.log` and `error.log`: a session's output and failures in plain text, for people, grep and editors."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sage_runtime.events import Event, Failure, Output, ReloadFailed, RunStarted

LIMIT_BYTES = 256 * 1024 * 1024
"""Past it a log begins anew; what there was is kept as `output.log.1` or `error.log.1`."""


class _TextLog:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._batch: list[bytes] = []
        self._size = 0
        self._fd = self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def add(self, text: str) -> None:
        self._batch.append(_bytes(text))

    def flush(self) -> None:
        if not self._batch:
            return
        data, self._batch = b"".join(self._batch), []
        self._size += len(data)
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        if self._size > LIMIT_BYTES:
            self.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._fd, self._size = self._open(), 0

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class TextLogs:
    """The two text logs of a session. Called for one event at a time; where they can't be written, they end."""

    def __init__(self, folder: Path | None) -> None:
        self._logs: dict[str, _TextLog] = {}
        if folder is None:
            return
        try:
            for name in ("output", "error"):
                self._logs[name] = _TextLog(folder / f"{name}.log")
        except OSError:
            self.close()

    def note(self, event: Event) -> None:
        """Take an event in; `flush` writes."""
        if not self._logs:
            return
        if isinstance(event, Output):
            log = self._logs["error" if event.stream == "stderr" else "output"]
            log.add(event.text + event.end)
        elif isinstance(event, Failure):
            who = event.source or event.kind
            self._logs["error"].add(f"[{who}] {event.exception}: {event.message}\n{_block(event)}")
        elif isinstance(event, ReloadFailed):
            self._logs["error"].add(f"not reloaded: {event.file}:{event.line}: {event.message}\n")
        elif isinstance(event, RunStarted) and event.run > 1:
            clock = time.strftime("%H:%M:%S", time.localtime(event.t))
            changed = f" ({', '.join(event.changed)})" if event.changed else ""
            rule = f"--- run {event.run}, {clock}, {event.reason}{changed} ---\n"
            for log in self._logs.values():
                log.add(rule)

    def flush(self) -> None:
        """Write what has been noted."""
        try:
            for log in self._logs.values():
                log.flush()
        except OSError:
            self.close()  # the disk is full: the journal says so

    def close(self) -> None:
        """Close both files."""
        logs, self._logs = self._logs, {}
        for log in logs.values():
            log.close()


def _block(event: Failure) -> str:
    record = f"  record: {event.record}\n" if event.record is not None else ""
    text = event.traceback
    return record + (text if not text or text.endswith("\n") else text + "\n")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return text.encode("utf-8", "backslashreplace")
