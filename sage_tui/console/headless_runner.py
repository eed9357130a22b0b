"""A session without a dashboard: the main thread waits for the run, for signals and for a stdout that closes."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from sage_runtime.events import Event, RunFinished
from sage_runtime.frozen import Frozen
from sage_tui import exit_codes
from sage_tui.console.streams import DescriptorWriter, OutputAbandonedError, OutputClosedError
from sage_tui.session.protocol import Listener, SessionLike

_HEEDED = (signal.SIGINT, signal.SIGTSTP, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

LAST_WORDS_SECONDS = 5.0
"""How long a terminated session may take to end its run and report it."""


ECHO_SECONDS = 0.1
"""The same signal again within this time is the same request: `timeout` signals its command and then its group."""


class _Signalled(Frozen):
    signum: int


class _StdoutClosed(Frozen):
    reason: OSError


class _Late(Frozen):
    """Nothing happened in the time there was."""


_Happening = RunFinished | _Signalled | _StdoutClosed | _Late


class HeadlessRunner:
    """Sees a session through from its start to its end.

    The main thread calls `run` and waits at a pipe. The session's reader thread adds what happens to a deque and
    writes a zero into the pipe; of a signal the interpreter writes the number into it (`signal.set_wakeup_fd`), at once
    and from whatever the main thread is doing: a handler in Python may come too late, just before a wait begins.
    """

    def __init__(
        self,
        session: SessionLike,
        sink: Listener,
        writers: tuple[DescriptorWriter, ...],
        last_words: float = LAST_WORDS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last_words = last_words
        self._session = session
        self._sink = sink
        self._writers = writers
        self._happenings: deque[_Happening] = deque()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._telling = threading.Lock()
        self._clock = clock
        self._heard: dict[int, float] = {}
        self._silent = False
        self._closed = False

    def __enter__(self) -> HeadlessRunner:
        return self

    def __exit__(self, *_: object) -> None:
        """Ignore whatever the session's reader may still report."""
        with self._telling:
            self._silent = self._closed = True
            os.close(self._woken)
            os.close(self._wake)

    def run(self, *, keep_going: bool, exit_on_finish: bool, meanwhile: Callable[[], None]) -> int | None:
        """Start the session and wait until it has nothing more to do.

        Args:
            keep_going: go on after a run has ended, since a change may start the next one.
            exit_on_finish: with `keep_going`, return all the same if a run ends by itself.
            meanwhile: called once while the worker starts.

        Returns:
            The exit status that follows from how it ended; None if the run ended by itself.
        """
        self._session.subscribe(self._listen)
        with self._signals():
            self._session.start()
            meanwhile()
            interrupts = 0
            while True:
                match self._next():
                    case RunFinished(status=status):
                        if interrupts:
                            return exit_codes.INTERRUPTED
                        if not keep_going or (exit_on_finish and status != "stopped"):
                            return None
                    case _Signalled(signal.SIGTSTP):
                        self._suspend()
                    case _Signalled(signal.SIGINT):
                        interrupts += 1
                        if interrupts > 1 or self._session.wait(0) is not None:
                            self._session.signal(signal.SIGKILL)
                            self._hear_the_end()
                            return exit_codes.INTERRUPTED
                        self._session.signal(signal.SIGINT)
                    case _Signalled(signum):
                        self._wind_up()
                        return exit_codes.SIGNALLED + signum
                    case _Late():
                        pass
                    case _StdoutClosed(reason):
                        self._end_at_once()
                        if reason.errno in (errno.EPIPE, errno.ECONNRESET):
                            return exit_codes.STDOUT_CLOSED
                        print(f"sage-tui: stdout can't be written: {reason.strerror}", file=sys.stderr)
                        return exit_codes.FAILED

    def _wind_up(self) -> None:
        """Stop the run, and report it to its end."""
        if self._session.wait(0) is None:
            self._session.stop()
        self._hear_the_end()

    def _hear_the_end(self) -> None:
        """Report the ending run to its end if that can be done soon: perhaps nobody is reading."""
        if self._session.wait(0) is None:
            end = time.monotonic() + self._last_words
            while not isinstance(self._next(end), RunFinished | _Signalled | _Late):
                pass
        self._abandon()

    def _listen(self, line: bytes, event: Event) -> None:
        if not self._silent:
            try:
                self._sink(line, event)
            except OutputClosedError as closed:
                self._silent = True
                self._happened(_StdoutClosed(closed.reason))
            except OutputAbandonedError:
                self._silent = True
        if isinstance(event, RunFinished):
            self._happened(event)

    def _happened(self, happening: _Happening) -> None:
        with self._telling:
            if self._closed:
                return
            self._happenings.append(happening)
            with contextlib.suppress(BlockingIOError):  # full: it will be read all the same
                os.write(self._wake, b"\0")

    def _next(self, end: float | None = None) -> _Happening:
        """Wait for the next thing to happen, until `end` (in seconds of `time.monotonic`) if that is given."""
        while not self._happenings:
            wait = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self._woken], [], [], wait)[0]:
                return _Late()
            self._happenings += [
                _Signalled(number)
                for number in os.read(self._woken, 4096)
                if number in _HEEDED and not self._is_echo(number)
            ]
        return self._happenings.popleft()

    def _is_echo(self, number: int) -> bool:
        now, before = self._clock(), self._heard.get(number)
        if before is not None and now - before < ECHO_SECONDS:
            return True
        self._heard[number] = now
        return False

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have the signals that we handle written into the pipe; one that is ignored (nohup) stays ignored."""
        heeded = [signum for signum in _HEEDED if signal.getsignal(signum) is not signal.SIG_IGN]
        wakeup = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        before = {signum: signal.signal(signum, lambda *_: None) for signum in heeded}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            signal.set_wakeup_fd(wakeup)

    def _suspend(self) -> None:
        """Stop the worker, which the terminal's job control does not reach, and then ourselves; and wake up again."""
        self._session.signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._session.signal(signal.SIGCONT)

    def _end_at_once(self) -> None:
        self._abandon()
        self._session.signal(signal.SIGKILL)

    def _abandon(self) -> None:
        """Release the reader, which may be waiting in a write."""
        for writer in self._writers:
            writer.abandon()
