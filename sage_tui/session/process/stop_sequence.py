"""How a run is ended: asked first, then with growing force."""

from __future__ import annotations

import signal
from collections.abc import Callable

from sage_tui.session.options import StopTimes
from sage_tui.session.process.worker_process import WorkerProcess
from sage_tui.session.supervisor import Supervisor, Timer


class StopSequence:
    """The steps that end one worker: `Stop`, SIGTERM to its process group, SIGKILL, and at last giving up.

    The worker is read all along, so that it never stays blocked on a full pipe. The supervisor's thread uses it.
    """

    def __init__(
        self, worker: WorkerProcess, supervisor: Supervisor, times: StopTimes, give_up: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._supervisor = supervisor
        self._times = times
        self._give_up = give_up
        self._timer: Timer | None = None
        self._climbing = False

    def climb(self) -> None:
        """Begin, unless it has begun."""
        if not self._climbing:
            self._climbing = True
            self._worker.stop()
            self._timer = self._supervisor.later(self._times.terminate, self._terminate)

    def leave(self) -> None:
        """The worker has ended."""
        self._climbing = True
        if self._timer is not None:
            self._timer.cancel()

    def _terminate(self) -> None:
        self._worker.signal(signal.SIGTERM)
        self._worker.signal(signal.SIGCONT)
        self._timer = self._supervisor.later(self._times.kill, self._kill)

    def _kill(self) -> None:
        self._worker.signal(signal.SIGKILL)
        self._timer = self._supervisor.later(self._times.give_up, self._give_up)
