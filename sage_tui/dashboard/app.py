"""The dashboard's app: the session it shows, the keys that command it, and the screens over one another."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from sage_runtime.events import Notice, Pause, Resume, ServiceCall
from sage_tui.dashboard.base.copy import CopyActions
from sage_tui.dashboard.base.theme import CLEAR, DARK, LIGHT, look_variables
from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.commands import Commands
from sage_tui.dashboard.compare.baselines import Baselines
from sage_tui.dashboard.compare.history_keys import PAST_BINDINGS, HistoryKeys
from sage_tui.dashboard.hints import Hints
from sage_tui.dashboard.log.export_key import ExportKey
from sage_tui.dashboard.log.line_screen import line_detail
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.messages import (
    FailureOpened,
    LineOpened,
    OperatorOpened,
    ServiceOpened,
    SessionClosed,
    StepOpened,
)
from sage_tui.dashboard.own_faults import SECONDS as FAULT_SECONDS
from sage_tui.dashboard.preferences import Preferences
from sage_tui.dashboard.refresh_loop import INTERVAL, RefreshLoop, terminal_takes_more
from sage_tui.dashboard.replay_keys import REPLAY_BINDINGS, ReplayKeys
from sage_tui.dashboard.screens.call_screen import call_detail, failure_of
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.dashboard.screens.detail_screen import DetailScreen
from sage_tui.dashboard.screens.failure_screen import FailureScreen
from sage_tui.dashboard.screens.help_screen import HelpScreen
from sage_tui.dashboard.screens.main_screen import MainScreen
from sage_tui.dashboard.screens.operator_screen import OperatorScreen
from sage_tui.dashboard.screens.service_screen import ServiceScreen
from sage_tui.dashboard.terminal.driver import TerminalDriver
from sage_tui.dashboard.terminal.end_signals import ENDING, has_terminal
from sage_tui.dashboard.terminal.typing_ahead import TypingAhead
from sage_tui.dashboard.toasts import Toasts
from sage_tui.dashboard.trace.trace_keys import TRACE_BINDINGS, TraceKeys
from sage_tui.dashboard.trace.trace_screen import step_detail
from sage_tui.dashboard.widgets.failure_pane import failures_of
from sage_tui.dashboard.widgets.header import ENDED
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.settings import Settings
from sage_tui.state.views import OperatorView, SessionView

NOTICE_SECONDS = 5.0
"""How long something that is only good to know stays on the screen."""


class SageApp(ReplayKeys, TraceKeys, HistoryKeys, Preferences, CopyActions, ExportKey, Toasts):
    """Shows a session. `interval` is the least time between two frames in seconds; 0 leaves the frames to the caller.

    With `heed_signals`, SIGTERM, SIGINT, SIGQUIT and SIGHUP end it as the key does; `ended_by` then tells which one.

    The session is started once the first frame is painted, and closed, off the dashboard's thread, before the app ends.
    """

    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "app.tcss",
        "screens/main.tcss",
        "screens/operator.tcss",
        "screens/deck.tcss",
    ]
    TITLE = "sage-tui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "Reload", tooltip="Stop, and run the script again", id="run.reload"),
        Binding("p", "pause", "Pause", tooltip="Hold the sources back", id="run.pause"),
        Binding("p", "resume", "Resume", tooltip="Let the sources go on", id="run.resume"),
        Binding("s", "step", "Step", tooltip="Release one record", id="run.step"),
        Binding("space", "hold", "Hold", show=False, tooltip="Have the display stand still", id="display.hold"),
        Binding("space", "go_on", "Follow", tooltip="Have the display follow the run again", id="display.follow"),
        *TRACE_BINDINGS,
        *REPLAY_BINDINGS,
        *PAST_BINDINGS,
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("ctrl+p", "command_palette", "Commands", show=False, id="commands"),
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="suspend"),
    ]

    def __init__(
        self,
        session: SessionWithHistory,
        *,
        interval: float = INTERVAL,
        exit_on_finish: bool = False,
        heed_signals: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.session: SessionWithHistory = session
        self.view: SessionView | None = None
        self.colours = SourceColours()
        self.finder = RunLinesFinder(session)
        self.past = ChartSeries(session, self._aside)
        self.baselines = Baselines(session, self._aside)
        self.feed = RefreshLoop(
            self,
            session,
            self.deliver,
            interval,
            ready=terminal_takes_more if heed_signals else lambda: True,
        )
        self._exit_on_finish = exit_on_finish
        self._heed_signals = heed_signals
        self._leaving = False
        self._ahead = TypingAhead()
        self.ended_by: signal.Signals | None = None
        self._noticed: tuple[int, int] = (0, 0)
        self._phase = ""
        self._noticing = Hints(self._first_output)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.register_theme(CLEAR)
        self.theme = DARK.name
        self.settings = settings or Settings()
        self._settings_problems = self.take_settings()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return look_variables(self.current_theme)

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(self.session, self.finder, self.colours, self.baselines)

    # --- the session -----------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        if self._heed_signals:
            hear: Callable[[int, Callable[[], object]], object]
            hear = asyncio.get_running_loop().add_signal_handler  # somebody's own driver may leave signals to the loop
            if isinstance(self._driver, TerminalDriver):
                hear = self._driver.signals.hear
                self._driver.suspending.before_stop = lambda: self.session.signal(signal.SIGTSTP)
                self._driver.suspending.after_stop = self._resumed
            for signum in ENDING:
                hear(signum, partial(self._told_to_end, signum))
            if self.ended_by is not None:
                self._told_to_end(self.ended_by)
        self.call_after_refresh(self._begin)

    def _resumed(self) -> None:
        """The terminal is ours again, and empty: have the run go on, and draw everything."""
        self.session.signal(signal.SIGCONT)
        self._take_resizes_in_turn()
        self.refresh(layout=True)

    def _take_resizes_in_turn(self) -> None:
        """Have Textual's handler of SIGWINCH called by the loop, and draw all of the screen anew.

        As a signal's own handler it can be interrupted by the next resize between reading the size and posting it, and
        then posts the older size last: the screen stays laid out for a terminal that is gone. And a terminal that has
        been small for a moment has lost what it showed, though its size is the same again.
        """
        driver, resized = self._driver, signal.getsignal(signal.SIGWINCH)
        if not isinstance(driver, TerminalDriver):
            return
        if not callable(resized) or not resized.__module__.startswith("textual."):  # taken already, or nobody's
            return

        def resize() -> None:
            resized(signal.SIGWINCH, None)
            self.refresh(layout=True)

        driver.signals.hear(signal.SIGWINCH, resize)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Resize):
            self.feed.stir()
        if isinstance(event, events.Key):
            if not event.is_forwarded:
                self._ahead.give(event, self.focused)
            elif field := self._ahead.belongs_to(event, self.focused):
                field._forward_event(events.Key(event.key, event.character))
                return
        await super().on_event(event)

    def hear_no_more(self) -> None:
        """The loop is over: what comes now does what it does to any process."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.signals.close()

    def told_early(self, signum: signal.Signals) -> None:
        """Somebody ends us who are not yet mounted: leave as soon as we are."""
        self.ended_by = self.ended_by or signum

    def _told_to_end(self, signum: signal.Signals) -> None:
        """Somebody ends us: leave as on a key; if the terminal is gone, what is drawn now may block for ever."""
        self.ended_by = self.ended_by or signum
        if signum == signal.SIGHUP and not has_terminal():
            threading.Thread(target=self._close_without_terminal, name="hung up").start()
        else:
            self.run_worker(self.action_quit(), name="quit")

    def _close_without_terminal(self) -> None:
        try:
            self.session.close()
        finally:
            os._exit(128 + signal.SIGHUP)

    def _begin(self) -> None:
        """The first frame is on the screen: start the session beside it."""
        if self._heed_signals:
            self._take_resizes_in_turn()
            self.app_resume_signal.subscribe(self, lambda _: self._take_resizes_in_turn())  # Textual's is back then
        self.run_worker(self.session.start, thread=True, group="session", name="start")
        self.feed.tick()
        self.tell_problems(self._settings_problems)
        self.theme_changed_signal.subscribe(self, lambda theme: self.theme_chosen(theme.name))

    def deliver(self, view: SessionView) -> None:
        """Hand a view to every screen that can be seen."""
        self.view = view
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen | OperatorScreen | DeckScreen):
                screen.show_view(view, self._leaving)
        self._notify(view)
        for words in filter(None, (*self._noticing.look(view), self.tell_skipped(view))):
            self.notify(words, timeout=NOTICE_SECONDS, markup=False)
        playing = view.replay is not None and view.replay.playing
        phase = f"{view.current.run} {view.current.phase} {view.live} {view.held} {playing}"
        if phase != self._phase:
            self._phase = phase
            self.refresh_bindings()
        if self._exit_on_finish and view.current.phase in ENDED and not view.reloading:
            self.run_worker(self.action_quit(), name="quit")

    def _first_output(self) -> float | None:
        lines = self.session.lines("output").read(0, 1)
        return lines[0].t if lines else None

    def _notify(self, view: SessionView) -> None:
        """Show the notices that came since the last view."""
        notices = view.shown.notices
        run, seen = self._noticed
        if run != view.shown.run:
            seen = 0
        for notice in notices[seen:]:
            self._show_notice(notice)
        self._noticed = (view.shown.run, len(notices))

    def _show_notice(self, notice: Notice) -> None:
        severity = {"warning": "warning", "error": "error"}.get(notice.level, "information")
        self.notify(notice.message[:400], severity=severity, timeout=8, markup=False)  # type: ignore[arg-type]

    def say_fault(self, words: str) -> None:
        """Say that a part of us has failed; on any thread."""
        self.notify(words, severity="error", timeout=FAULT_SECONDS, markup=False)

    def action_help_quit(self) -> None:
        """Ctrl+c, which ends programs elsewhere: say which key ends this one."""
        for key, active in self.active_bindings.items():
            if active.binding.id == "quit":
                self.notify(f"{active.binding.key_display or key} quits", timeout=NOTICE_SECONDS, markup=False)

    async def action_quit(self) -> None:
        """Stop the run, tidy up, leave."""
        if self._leaving:
            return
        self._leaving = True
        if self.view is not None:
            self.deliver(self.view)
        self.run_worker(self._close, thread=True, group="session", name="close")

    def _close(self) -> None:
        """In a thread: closing the session takes as long as the script lets it, a few seconds at most."""
        try:
            self.session.close()
        finally:
            self.post_message(SessionClosed())

    def on_session_closed(self) -> None:
        self.feed.stop()
        self.exit()

    # --- commands --------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        phase = "" if self.view is None else self.view.current.phase
        live = self.view is None or self.view.live
        if action == "reload":
            return live
        if action == "pause":
            return live and phase != "paused" and phase not in ENDED
        if action == "follow":
            return self.can_follow(live=live and phase not in ENDED)
        if action in ("resume", "step"):
            return live and phase == "paused"
        if action in ("hold", "go_on"):
            return (self.feed.held is None) is (action == "hold") and (self.view is None or self.view.replay is None)
        if action.startswith("replay_"):
            return self.can_replay(action)
        return True

    def action_reload(self) -> None:
        """Run the script again."""
        self.run_worker(self.session.reload, thread=True, group="session", name="reload")

    def action_pause(self) -> None:
        """Hold the sources back."""
        self.session.send(Pause())

    def action_resume(self) -> None:
        """Let the sources go on."""
        self.session.send(Resume())

    def _selected_operator(self) -> OperatorView | None:
        screen = self.screen_stack[0]
        return screen.operators.table.current() if isinstance(screen, MainScreen) else None

    def action_hold(self) -> None:
        """Have the display stand still; nothing else stops."""
        self.feed.hold()
        self._show_held()

    def action_go_on(self) -> None:
        """Have the display follow the run again."""
        self.feed.go_on()
        self._show_held()

    def _show_held(self) -> None:
        self.deliver(self.feed.held or self.session.snapshot())
        self.refresh_bindings()

    def _aside(self, task: Callable[[], None]) -> None:
        """Do something that takes a moment on another thread."""
        self.run_worker(task, thread=True, group="past", name="past")

    def action_help(self) -> None:
        """Show what is where and which key does what."""
        self.push_screen(HelpScreen(live=self.view is None or self.view.live, replay=self._replayed() is not None))

    # --- what is opened --------------------------------------------------------------------------------------------

    def on_operator_opened(self, event: OperatorOpened) -> None:
        self._open(OperatorScreen(event.key, self.session, self.finder, self.colours, self.past))

    def on_service_opened(self, event: ServiceOpened) -> None:
        self._open(ServiceScreen(event.key, self.finder, self.colours, self.baselines, slowest=event.slowest))

    def _open(self, screen: Screen[None]) -> None:
        """Put a screen over the others, and fill it."""
        self.push_screen(screen)
        if self.view is not None:
            self.call_after_refresh(self.deliver, self.view)

    def on_failure_opened(self, event: FailureOpened) -> None:
        if self.view is None:
            return
        failed = next((failed for failed in failures_of(self.view) if failed.key == event.key), None)
        if failed is not None:
            source = self.finder.lines(self.view, failed.run, "failure")
            self.push_screen(FailureScreen(failed.group, source))

    def on_step_opened(self, event: StepOpened) -> None:
        calls = None if self.view is None else self.finder.lines(self.view, self.view.shown.run, "service_call")
        self.push_screen(DetailScreen(step_detail(event.step, calls)))

    def on_line_opened(self, event: LineOpened) -> None:
        call, view = event.line.event, self.view
        if not isinstance(call, ServiceCall) or call.error is None or view is None:
            self.push_screen(DetailScreen(line_detail(event.line)))
            return
        run = view.current if call.run == view.current.run else view.shown
        failures = self.finder.lines(view, run.run, "failure")
        failure = None if failures is None else failure_of(call, run, failures)
        self.push_screen(DetailScreen(call_detail(call, failure)))
