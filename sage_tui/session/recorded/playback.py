"""A recording that can be moved through in time, in the place of a live session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from sage_runtime.events import Command, RunFinished
from sage_tui import exit_codes
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.journal.recording import Recording, open_recording
from sage_tui.journal.segments import JournalError
from sage_tui.session.protocol import Listener
from sage_tui.session.recorded.playhead import LinesSoFar, Playhead
from sage_tui.session.recorded.replay_session import ReplaySession
from sage_tui.session.reload.versions import FileChange
from sage_tui.session.run import summary_of
from sage_tui.session.run_history import FinishedRuns
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, ReplayView, RunSummary, RunView, SessionView

TICK = 0.05
"""Seconds between two steps while it plays."""

AT_ONCE = 250
"""Events that are folded before whoever asks gets a turn."""


GAP, LEAD = 3.0, 0.5
"""Seconds at the screen in which nothing would happen: so many are skipped while it plays, but for the last ones."""

BREATH = 0.0005
"""Seconds between two such portions, in which others get the lock."""


class Playback:
    """The runs of a recording, one at a time and at any moment of it (a `SessionWithHistory` that is `Playable`).

    It opens at the end of the last run and stands still. A thread of its own folds; any thread may ask and command.
    Listeners are told nothing: `ReplaySession` is for them, and for sessions that still run.

    Args:
        clock: seconds that pass, for playing.
    """

    python = ""

    def __init__(self, recording: Recording, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = recording.path
        self._clock = clock
        self._recording = recording
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._runs: list[int] = list(self._recording.runs)
        self._heads: dict[int, Playhead] = {}
        self._past: dict[int, RunSummary] = {}
        self._past_runs = FinishedRuns(self._recording.run)
        self._head = self._last_readable()
        self._marks, self._moment = (self._head.marks(), self._head.end) if self._head is not None else ((), 0.0)
        self._reached = False
        self._playing = False
        self._speed = 1.0
        self._since = clock()
        self._epoch = 0
        self._skips, self._skipped = 0, 0.0
        self._closing = False
        self._run: RunView | None = None
        self._lines: dict[str, LinesSoFar] = {}
        self._view: SessionView | None = None
        self._thread = threading.Thread(target=self._work, name="sage-tui playback", daemon=True)
        self._settle()

    def _last_readable(self) -> Playhead | None:
        for number in reversed(self._recording.runs):
            head = self._open(number)
            if head is not None:
                return head
        return None

    def _open(self, number: int) -> Playhead | None:
        """The playhead of a run; None, and a sentence among the damage, where it can't be read."""
        head = self._heads.get(number)
        if head is None:
            try:
                head = self._heads[number] = Playhead(number, self._recording.run(number))
            except JournalError as error:
                self._recording.note(str(error))
                self._runs.remove(number)
        return head

    # --- Playable ----------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Go on from the moment that is shown; from the beginning where that is the end."""
        with self._lock:
            if self._head is None:
                return
            if self._moment >= self._head.end:
                self._go(self._head.begin)
            self._playing, self._since = True, self._clock()
            self._wake.notify()

    def hold(self) -> None:
        """Stop at the moment that is shown."""
        with self._lock:
            self._playing = False
            self._wake.notify()

    def set_speed(self, speed: float) -> None:
        """Have `speed` seconds of the recording pass in a second."""
        with self._lock:
            self._tick()
            self._speed = speed
            self._wake.notify()

    def seek(self, moment: float) -> None:
        """Show the run as it was at this Unix time, within its beginning and its end."""
        with self._lock:
            if self._head is not None:
                self._go(max(self._head.begin, min(self._head.end, moment)))
                self._wake.notify()

    def choose_run(self, run: int) -> None:
        """Show another run of the recording, from its beginning if it plays, else at its end."""
        with self._lock:
            if self._head is None or run == self._head.number or run not in self._runs:
                return
            head = self._open(run)
            if head is None:
                return
            self._head, self._marks = head, head.marks()
            self._lines = {}
            self._go(head.begin if self._playing else head.end, back=True)
            self._wake.notify()

    def _go(self, moment: float, back: bool = False) -> None:
        if back or moment < self._moment:
            self._epoch += 1
        self._moment, self._reached, self._since = moment, False, self._clock()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        unknown = [number for number in reversed(self._runs) if number != self._runs[-1]]
        while True:
            with self._lock:
                if self._closing:
                    return
                self._tick()
                self._advance_or_note()
                if self._reached and not unknown:
                    self._wake.wait(TICK if self._playing else None)
                    continue
            if self._reached:
                self._summarise(unknown.pop(0))
            else:
                time.sleep(BREATH)

    def _summarise(self, number: int) -> None:
        """Learn what the line of another run in the list of runs says."""
        view = self._past_runs.view(number)
        if view is not None:
            with self._lock:
                self._past[number] = summary_of(view)

    def _tick(self) -> None:
        """Let the time that has passed pass in the recording; stand still at its end."""
        now = self._clock()
        if self._playing and self._head is not None:
            moment = self._moment + (now - self._since) * self._speed
            self._moment, self._reached = min(moment, self._head.end), False
            self._playing = moment < self._head.end
        self._since = now

    def _advance_or_note(self) -> None:
        """Fold some events; where they can't be read, stand still and say so."""
        try:
            self._advance()
        except JournalError as error:
            self._recording.note(str(error))
            self._playing, self._reached = False, True

    def _settle(self) -> None:
        """Fold all the way to the moment."""
        with self._lock:
            while not self._reached and self._head is not None:
                self._advance()

    def _advance(self) -> None:
        """Fold some events towards the moment, and show the run once it is reached."""
        head = self._head
        if head is None:
            self._reached = True
        elif not self._reached and head.move(self._moment, AT_ONCE):
            if self._moment >= head.end:
                head.finish()
            self._reached = True
            if self._playing:
                self._skip_gap(head)
            self._run = head.state.view(self._moment)
            for channel, lines in self._lines.items():
                lines.limit = self._run.lines.get(channel, 0)

    def _skip_gap(self, head: Playhead) -> None:
        """Go to shortly before the next event, if it is far: a screen on which nothing moves looks dead."""
        if head.next_t is None or head.next_t - self._moment <= GAP * self._speed:
            return
        moment = head.next_t - LEAD * self._speed
        self._skips, self._skipped = self._skips + 1, moment - self._moment
        self._moment, self._since = moment, self._clock()

    # --- SessionLike -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread that folds."""
        self._thread.start()

    def subscribe(self, listener: Listener) -> None:
        """Nothing is told: see `ReplaySession`."""

    def snapshot(self) -> SessionView:
        """The recording at the moment that is shown; the identical object while nothing changed."""
        with self._lock:
            run = self._run if self._run is not None else RunState(1).view(0.0)
            head = self._head
            replay = ReplayView(
                begin=head.begin if head is not None else 0.0,
                end=head.end if head is not None else 0.0,
                moment=self._moment,
                playing=self._playing,
                speed=self._speed,
                runs=tuple(self._runs),
                epoch=self._epoch,
                marks=self._marks,
                damage=self._recording.damage,
                skips=self._skips,
                skipped=self._skipped,
            )
            past = {**self._past, run.run: summary_of(run)} if head is not None else {}
            new = SessionView(
                script=run.script,
                folder=str(self.folder),
                live=False,
                current=run,
                shown=run,
                runs=tuple(past[number] for number in sorted(past)),
                watching=0,
                watch_paused=None,
                reload_error=None,
                reloading=False,
                replay=replay,
            )
            if self._view is None or new != self._view:
                self._view = new
            return self._view

    def lines(self, channel: str) -> LineSource:
        """A channel of the shown run, up to the moment; it grows and shrinks with it."""
        with self._lock:
            if self._head is None or self._run is None:
                return NoLines()
            if channel not in self._lines:
                source = self._head.reader.lines(channel)
                self._lines[channel] = LinesSoFar(source, self._run.lines.get(channel, 0))
            return self._lines[channel]

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the whole shown run (None)."""
        with self._lock:
            return None if self._head is None else self._head.state.charts(key, span, self._moment)

    def run_view(self, run: int) -> RunView | None:
        """The shown run at the moment, another as it was in the end; None if it can't be read."""
        with self._lock:
            if self._run is not None and self._run.run == run:
                return self._run
        return self._past_runs.view(run)

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """What `charts` gives, of the shown run up to the moment and of any other to its end."""
        with self._lock:
            if self._head is not None and self._head.number == run:
                return self._head.state.charts(key, span, self._moment)
        return self._past_runs.charts(run, key, span)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """Nothing: a recording holds no code."""
        return None

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of any run of the recording; None if it can't be read."""
        with self._lock:
            if self._head is not None and self._head.number == run:
                return self.lines(channel)
        return self._past_runs.lines(run, channel)

    def send(self, command: Command) -> None:
        """Nothing: there is no worker."""

    def signal(self, signum: int) -> None:
        """Nothing: there is no worker."""

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Nothing: a recording holds no script."""

    def stop(self) -> None:
        """Nothing: there is no worker."""

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the last run."""
        return self._last_end()

    def exit_status(self) -> int:
        """The exit status that the last run had earned."""
        return exit_codes.of_run(self._last_end())

    def _last_end(self) -> RunFinished | None:
        with self._lock:
            if not self._runs:
                return None
            return self._recording.run(self._runs[-1]).fold().state.finished

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._lock:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2.0)


def open_replay(path: Path, *, playable: bool) -> Playback | ReplaySession:
    """What replays a recording: at any moment of it if `playable`, for the dashboard, unless its session still runs.

    Raises:
        RecordingError: `path` is no recording, or nothing of it can be read.
    """
    if playable:
        recording = open_recording(path)
        if not recording.live():
            return Playback(recording)
    return ReplaySession(path)
