"""Recordings in the place of live sessions: moved through in time for the dashboard, or told event by event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sage_runtime.events import Command, Event, Notice, RunFinished, encode, replace
from sage_tui import exit_codes
from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.journal.recording import Recording, open_recording
from sage_tui.journal.segments import JournalError
from sage_tui.session.protocol import Listener
from sage_tui.session.recorded.playhead import LinesSoFar, Playhead
from sage_tui.session.reload.versions import FileChange
from sage_tui.session.run import summary_of
from sage_tui.session.run_history import FinishedRuns
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, ReplayView, RunSummary, RunView, SessionView

TICK = 0.05
"""Seconds between two steps while it plays."""

AT_ONCE = 250
"""Events that are folded before others get the lock."""


GAP, LEAD = 3.0, 0.5
"""A silence of more than `GAP` seconds on the screen is skipped while it plays, except its last `LEAD` seconds."""

BREATH = 0.0005
"""Seconds between two such portions."""

FOLLOW_EVERY = 0.1
"""Seconds between looks at the journal of a session that still runs."""


class _InMemory(NamedTuple):
    """A run in memory: what is shown of it, and its state with the moment up to which it has been folded."""

    view: RunView
    state: RunState
    t: float
    lines: Callable[[str], LineSource]


class RecordedSession:
    """What the replays of a recording have in common: what other runs were, and commands, which do nothing."""

    python = ""

    def __init__(self, recording: Recording) -> None:
        self.folder = recording.path
        self._recording = recording
        self._lock = threading.RLock()
        self._past: dict[int, RunSummary] = {}
        self._finished = FinishedRuns(recording.run)
        self._view: SessionView | None = None

    def _in_memory(self, run: int) -> _InMemory | None:
        """The run with this number, if it is in memory; called with the lock held."""
        raise NotImplementedError

    def run_view(self, run: int) -> RunView | None:
        with self._lock:
            known = self._in_memory(run)
        return self._finished.view(run) if known is None else known.view

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        with self._lock:
            known = self._in_memory(run)
            if known is not None:
                return known.state.charts(key, span, known.t)
        return self._finished.charts(run, key, span)

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        with self._lock:
            known = self._in_memory(run)
            if known is not None:
                return known.lines(channel)
        return self._finished.lines(run, channel)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        return None

    def send(self, command: Command) -> None:
        """Nothing: there is no worker."""

    def signal(self, signum: int) -> None:
        """Nothing: there is no worker."""

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Nothing: a recording holds no script."""

    def stop(self) -> None:
        """Nothing: there is no worker."""

    def _snapshot(
        self, current: RunView, shown: RunView, runs: tuple[RunSummary, ...], replay: ReplayView | None = None
    ) -> SessionView:
        """The view of these runs; the identical object while nothing changed."""
        new = SessionView(
            script=current.script,
            folder=str(self.folder),
            live=False,
            current=current,
            shown=shown,
            runs=runs,
            watching=0,
            watch_paused=None,
            reload_error=None,
            reloading=False,
            replay=replay,
        )
        if self._view is None or new != self._view:
            self._view = new
        return self._view


class _Replayed:
    """One run of a recording: its journal, its state and how far it has been folded."""

    def __init__(self, number: int, reader: JournalReader) -> None:
        self.number = number
        self.reader = reader
        folded = reader.fold()
        self.state, self.position, self.t = folded.state, folded.position, folded.t

    def apply(self, event: Event) -> None:
        """Fold an event that has not been folded yet."""
        if event.seq > self.state.seq:
            self.state.apply(event)
            self.t = event.t

    def view(self, *, live: bool) -> RunView:
        return self.state.view(time.time() if live else self.t)

    @property
    def failed_early(self) -> bool:
        return self.state.phase == "failed" and not self.state.pipelines


class ReplaySession(RecordedSession):
    """The runs of a recording, a session's folder or a run's folder (a `SessionWithHistory`), all there at once.

    What is shown is the last run, to its end; a session that still runs is followed. Listeners get every event of
    every run as fast as they take it, on a thread of the replay. A run whose end is not in the journal is given one
    (`stopped`), and what could not be read is told in notices. Commands do nothing.

    Raises:
        RecordingError: `path` is no recording, or nothing of it can be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(open_recording(path))
        self._listeners: list[Listener] = []
        self._live = self._recording.live()
        self._current = self._last_readable()
        self._fallback: _Replayed | None = None
        self._told_damage: set[str] = set()
        self._stopping = threading.Event()
        self._played = threading.Event()
        self._thread = threading.Thread(target=self._play, name="sage-tui replay", daemon=True)

    def _last_readable(self) -> _Replayed | None:
        for number in reversed(self._recording.runs):
            try:
                return _Replayed(number, self._recording.run(number))
            except JournalError as error:
                self._recording.note(str(error))
        return None

    # --- SessionLike -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def snapshot(self) -> SessionView:
        with self._lock:
            current = self._current
            view = current.view(live=self._live) if current is not None else RunState(1).view(0.0)
            shown = view
            if current is not None and current.failed_early and self._fallback is not None:
                shown = self._fallback.view(live=False)
            now = (summary_of(view),) if current is not None else ()
            return self._snapshot(view, shown, (*(self._past[number] for number in sorted(self._past)), *now))

    def charts(self, key: str | None, span: Span) -> Charts | None:
        with self._lock:
            run = self._shown()
            return None if run is None else run.state.charts(key, span, run.t)

    def lines(self, channel: str) -> LineSource:
        with self._lock:
            run = self._shown()
            return NoLines() if run is None else run.reader.lines(channel)

    def _in_memory(self, run: int) -> _InMemory | None:
        current = self._current
        if current is None or current.number != run:
            return None
        return _InMemory(current.view(live=self._live), current.state, current.t, current.reader.lines)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        if not self._played.wait(timeout):
            return None
        with self._lock:
            return None if self._current is None else self._current.state.finished

    def exit_status(self) -> int:
        with self._lock:
            return exit_codes.of_run(None if self._current is None else self._current.state.finished)

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2.0)
        self._played.set()

    def _shown(self) -> _Replayed | None:
        current = self._current
        if current is not None and current.failed_early and self._fallback is not None:
            return self._fallback
        return current

    # --- the thread --------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        done = 0
        while not self._stopping.is_set():
            following = [number for number in self._recording.runs if number > done]
            if following:
                done = following[0]
                self._play_run(done)
            elif self._recording.live():
                self._stopping.wait(FOLLOW_EVERY)
                self._recording.refresh()
            else:
                break
        self._live = False
        self._played.set()

    def _play_run(self, number: int) -> None:
        """Tell a run's events, and those that are still to come as long as it may go on."""
        try:
            run = self._enter(number)
        except JournalError as error:
            self._recording.note(str(error))
            return
        position = None if self._listeners else run.position
        while True:
            goes_on = self._recording.live() and number == self._recording.runs[-1]
            run.reader.refresh()
            for line, event, behind in run.reader.positions(position):
                position = behind
                self._tell(run, line, event)
                if self._stopping.is_set():
                    return
            if not goes_on:
                break
            self._stopping.wait(FOLLOW_EVERY)
            self._recording.refresh()
        self._finish(run)

    def _enter(self, number: int) -> _Replayed:
        """The run, in its place among the others: the last one is the current one."""
        with self._lock:
            if self._current is not None and self._current.number == number:
                return self._current
        run = _Replayed(number, self._recording.run(number))
        with self._lock:
            older = run
            if self._current is None or number > self._current.number:
                if self._current is None:
                    self._current = run
                    return run
                older, self._current = self._current, run
            self._past[older.number] = summary_of(older.view(live=False))
            if older.state.pipelines and (self._fallback is None or older.number > self._fallback.number):
                self._fallback = older
        return run

    def _tell(self, run: _Replayed, line: bytes, event: Event) -> None:
        with self._lock:
            run.apply(event)
        for listener in self._listeners:
            listener(line, event)

    def _finish(self, run: _Replayed) -> None:
        """Say what could not be read, and end a run that has no end."""
        new = [text for text in self._recording.damage if text not in self._told_damage]
        self._told_damage.update(new)
        for text in new:
            self._add(run, Notice(level="warning", message=text))
        if run.state.finished is None:
            self._add(run, Notice(level="warning", message="the recording stops before the end of this run"))
            self._add(run, RunFinished(status="stopped", errors=run.view(live=False).errors))

    def _add(self, run: _Replayed, event: Event) -> None:
        stamped = replace(event, run=run.number, t=run.t, seq=run.state.seq + 1)
        self._tell(run, encode(stamped), stamped)


class Playback(RecordedSession):
    """The runs of a recording, one at a time and at any moment of it (a `SessionWithHistory` that is `Playable`).

    It opens at the end of the last run and stands still. A thread of its own folds; any thread may ask and command.
    Listeners are told nothing: `ReplaySession` is for them, and for sessions that still run.

    Args:
        clock: seconds that pass, for playing.
    """

    def __init__(self, recording: Recording, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(recording)
        self._clock = clock
        self._wake = threading.Condition(self._lock)
        self._runs: list[int] = list(self._recording.runs)
        self._heads: dict[int, Playhead] = {}
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
        with self._lock:
            if self._head is None:
                return
            if self._moment >= self._head.end:
                self._go(self._head.begin)
            self._playing, self._since = True, self._clock()
            self._wake.notify()

    def hold(self) -> None:
        with self._lock:
            self._playing = False
            self._wake.notify()

    def set_speed(self, speed: float) -> None:
        with self._lock:
            self._tick()
            self._speed = speed
            self._wake.notify()

    def seek(self, moment: float) -> None:
        with self._lock:
            if self._head is not None:
                self._go(max(self._head.begin, min(self._head.end, moment)))
                self._wake.notify()

    def choose_run(self, run: int) -> None:
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
        view = self._finished.view(number)
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
        self._thread.start()

    def subscribe(self, listener: Listener) -> None:
        """Nothing is told: see `ReplaySession`."""

    def snapshot(self) -> SessionView:
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
            return self._snapshot(run, run, tuple(past[number] for number in sorted(past)), replay)

    def lines(self, channel: str) -> LineSource:
        with self._lock:
            if self._head is None or self._run is None:
                return NoLines()
            if channel not in self._lines:
                source = self._head.reader.lines(channel)
                self._lines[channel] = LinesSoFar(source, self._run.lines.get(channel, 0))
            return self._lines[channel]

    def charts(self, key: str | None, span: Span) -> Charts | None:
        with self._lock:
            return None if self._head is None else self._head.state.charts(key, span, self._moment)

    def _in_memory(self, run: int) -> _InMemory | None:
        if self._head is None or self._run is None or self._run.run != run:
            return None
        return _InMemory(self._run, self._head.state, self._moment, self.lines)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        return self._last_end()

    def exit_status(self) -> int:
        return exit_codes.of_run(self._last_end())

    def _last_end(self) -> RunFinished | None:
        with self._lock:
            if not self._runs:
                return None
            return self._recording.run(self._runs[-1]).fold().state.finished

    def close(self) -> None:
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
