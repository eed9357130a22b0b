"""A session that plays scripted events, for tests of what shows a session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from support.waiting import SOON

from sage_runtime.events import Command, Event, RunFinished, encode
from sage_tui.session.protocol import LineSource, Listener
from sage_tui.state.views import SessionView

Step = Event | Callable[["PlayedSession"], None]


class PlayedSession:
    """Plays events and calls on its own thread, as a session's reader does. Notes the signals it receives."""

    folder = Path("the-session")
    python = ""

    def __init__(self, *steps: Step, status: int = 0) -> None:
        self.signals: list[int] = []
        self.signalled = threading.Event()
        self.stopped = threading.Event()
        self._steps = steps
        self._status = status
        self._listeners: list[Listener] = []
        self._finished: RunFinished | None = None
        self._thread = threading.Thread(target=self._play)

    def start(self) -> None:
        self._thread.start()

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def _play(self) -> None:
        for step in self._steps:
            if isinstance(step, Event):
                if isinstance(step, RunFinished):
                    self._finished = step
                for listener in self._listeners:
                    listener(encode(step), step)
            else:
                step(self)

    def signal(self, signum: int) -> None:
        self.signals.append(signum)
        self.signalled.set()

    def wait_for_signal(self) -> None:
        assert self.signalled.wait(SOON)
        self.signalled.clear()

    def wait_for_stop(self) -> None:
        assert self.stopped.wait(SOON)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        return self._finished

    def exit_status(self) -> int:
        return self._status

    def close(self) -> None:
        self._thread.join(SOON)

    def snapshot(self) -> SessionView:
        raise AssertionError("not asked for here")

    def lines(self, channel: str) -> LineSource:
        raise AssertionError("not asked for here")

    def send(self, command: Command) -> None: ...

    def reload(self, reason: str = "restart", changed: Sequence[str] = ()) -> None: ...

    def stop(self) -> None:
        self.stopped.set()
