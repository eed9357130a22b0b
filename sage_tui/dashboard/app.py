"""The dashboard's app: the session that it shows, the keys that control it, and the screens over one another."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.notifications import SeverityLevel
from textual.screen import Screen

from sage_runtime.events import Notice, Pause, Resume, ServiceCall
from sage_tui.dashboard.base.indicators import ENDED
from sage_tui.dashboard.base.theme import CLEAR, DARK, LIGHT, look_variables
from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.charts.charts_screen import ChartsScreen
from sage_tui.dashboard.compare.baselines import Baselines
from sage_tui.dashboard.compare.runs_screen import RunsScreen
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.hints import Hints
from sage_tui.dashboard.log.export import ExportActions
from sage_tui.dashboard.log.formatters import SourceColours
from sage_tui.dashboard.messages import (
    FailureOpened,
    LineOpened,
    OperatorOpened,
    ServiceOpened,
    SessionClosed,
    StepOpened,
)
from sage_tui.dashboard.preferences import Preferences
from sage_tui.dashboard.refresh_loop import INTERVAL, RefreshLoop, terminal_takes_more
from sage_tui.dashboard.replay import REPLAY_BINDINGS, ReplayActions
from sage_tui.dashboard.screens.detail_screen import DetailScreen, call_detail, failure_of, line_detail
from sage_tui.dashboard.screens.failures import FailureScreen, failures_of
from sage_tui.dashboard.screens.help_screen import HelpScreen
from sage_tui.dashboard.screens.main_screen import MAIN_PANES, MainScreen
from sage_tui.dashboard.screens.operator_screen import OperatorScreen
from sage_tui.dashboard.screens.pane_screen import PaneScreen
from sage_tui.dashboard.screens.service_screen import ServiceScreen
from sage_tui.dashboard.terminal.clipboard import CopyActions
from sage_tui.dashboard.terminal.signals import ENDING, has_terminal
from sage_tui.dashboard.terminal.textual_internals import (
    TerminalDriver,
    TypeAhead,
    remove_empty_toast_holders,
    terminal_driver,
)
from sage_tui.dashboard.trace.trace_screen import TraceActions, step_detail
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.settings import Settings
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, SessionView

NOTICE_SECONDS = 5.0
"""How long a notice that needs no action stays on the screen."""

ERROR_SECONDS = 30.0
"""How long an internal error stays on the screen."""


class PaletteCommand(NamedTuple):
    """A command of the palette: its title, its key and what it does in a few words, and the action."""

    title: str
    help: str
    run: Callable[[], object]


class CommandProvider(Provider):
    """The command palette: everything that the keys do, and every operator and service by name."""

    def _commands(self) -> Iterator[PaletteCommand]:
        if isinstance(self.app, SageApp):
            yield from self.app.palette_commands()

    async def discover(self) -> Hits:
        for title, words, run in self._commands():
            yield DiscoveryHit(Content(title), run, text=title, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, words, run in self._commands():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=words)


class SageApp(ReplayActions, TraceActions, Preferences, CopyActions, ExportActions):
    """Shows a session. `interval` is the least time between two frames in seconds; 0 leaves the frames to the caller.

    With `handle_signals`, SIGTERM, SIGINT, SIGQUIT and SIGHUP quit it as the key does; `ended_by` then says which one.

    The session is started once the first frame is painted, and closed, on another thread, before the app ends.
    """

    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss"]
    TITLE = "sage-tui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {CommandProvider}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "Reload", tooltip="Stop, and run the script again", id="run.reload"),
        Binding("p", "pause", "Pause", tooltip="Pause the sources", id="run.pause"),
        Binding("p", "resume", "Resume", tooltip="Resume the sources", id="run.resume"),
        Binding("s", "step", "Step", tooltip="Release one record", id="run.step"),
        Binding("space", "hold", "Freeze", show=False, tooltip="Freeze the display", id="display.hold"),
        Binding("space", "go_on", "Follow", tooltip="Follow the run again", id="display.follow"),
        Binding(
            "t,T", "follow", "Trace", key_display="t", show=False, tooltip="Trace the next record", id="trace.follow"
        ),
        *REPLAY_BINDINGS,
        Binding("c", "charts", "Charts", show=False, tooltip="Rates, latency and queues over time", id="charts"),
        Binding("v", "runs", "Runs", show=False, tooltip="All runs, what was edited, and whether it helped", id="runs"),
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
        handle_signals: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.session: SessionWithHistory = session
        self.view: SessionView | None = None
        self.context = Context(
            session, SourceColours(), Baselines(session, self.in_thread), ChartSeries(session, self.in_thread)
        )
        self.refresh_loop = RefreshLoop(
            self, session, self.deliver, interval, ready=terminal_takes_more if handle_signals else lambda: True
        )
        self._exit_on_finish = exit_on_finish
        self._handle_signals = handle_signals
        self._quitting = False
        self._type_ahead = TypeAhead()
        self.ended_by: signal.Signals | None = None
        self._notices_shown: tuple[int, int] = (0, 0)
        self._phase = ""
        self._hints = Hints(self._first_output)
        for theme in (DARK, LIGHT, CLEAR):
            self.register_theme(theme)
        self.theme = DARK.name
        self.settings = settings or Settings()
        self._settings_problems = self.apply_settings()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return look_variables(self.current_theme)

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(self.context)

    def on_mount(self) -> None:
        if self._handle_signals:
            add: Callable[[int, Callable[[], object]], object]
            add = asyncio.get_running_loop().add_signal_handler  # another driver may leave signals to the loop
            if driver := terminal_driver(self):
                add = driver.signals.add
                driver.job_control.before_stop = lambda: self.session.signal(signal.SIGTSTP)
                driver.job_control.after_stop = self._continued
            for signum in ENDING:
                add(signum, partial(self._quit_by_signal, signum))
            if self.ended_by is not None:
                self._quit_by_signal(self.ended_by)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The first frame is on the screen: start the session on another thread."""
        if self._handle_signals:
            self._resize_through_loop()
            self.app_resume_signal.subscribe(self, lambda _: self._resize_through_loop())  # Textual's handler is back
        self.run_worker(self.session.start, thread=True, group="session", name="start")
        self.refresh_loop.tick()
        self.report_problems(self._settings_problems)
        self.theme_changed_signal.subscribe(self, lambda theme: self.theme_chosen(theme.name))

    def _resize_through_loop(self) -> None:
        if driver := terminal_driver(self):
            driver.resize_through_loop(lambda: self.refresh(layout=True))

    def _continued(self) -> None:
        """The terminal is ours again, and empty: continue the run, and draw everything."""
        self.session.signal(signal.SIGCONT)
        self._resize_through_loop()
        self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Resize):
            self.refresh_loop.note_input()
        if isinstance(event, events.Key):
            if not event.is_forwarded:
                self._type_ahead.note(event, self.focused)
            elif self._type_ahead.forward(event, self.focused):
                return
        await super().on_event(event)

    def restore_signals(self) -> None:
        """The loop has ended: signals have their default actions again."""
        if driver := terminal_driver(self):
            driver.signals.close()

    def note_early_signal(self, signum: signal.Signals) -> None:
        """A signal has arrived before the app is mounted: quit as soon as it is."""
        self.ended_by = self.ended_by or signum

    def _quit_by_signal(self, signum: signal.Signals) -> None:
        """Quit as the key does. If the terminal is gone, drawing may block for ever: close the session and exit."""
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

    def deliver(self, view: SessionView) -> None:
        """Show a view on every screen, and its notices."""
        self.view = view
        for screen in self.screen_stack:
            if isinstance(screen, PaneScreen):
                screen.show_view(view, self._quitting)
        self._show_notices(view)
        for words in filter(None, (*self._hints.look(view), self.skipped_notice(view))):
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

    def _show_notices(self, view: SessionView) -> None:
        run, count = self._notices_shown
        for notice in view.shown.notices[count if run == view.shown.run else 0 :]:
            self._show_notice(notice)
        self._notices_shown = (view.shown.run, len(view.shown.notices))

    def _show_notice(self, notice: Notice) -> None:
        severity = {"warning": "warning", "error": "error"}.get(notice.level, "information")
        self.notify(notice.message[:400], severity=severity, timeout=8, markup=False)  # type: ignore[arg-type]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show `message` as a toast, as Textual does."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
        self.call_later(lambda: remove_empty_toast_holders(self.screen))

    def show_internal_error(self, words: str) -> None:
        """Report an internal error. Any thread may call this."""
        self.notify(words, severity="error", timeout=ERROR_SECONDS, markup=False)

    def in_thread(self, task: Callable[[], None]) -> None:
        """Run something that takes a moment on another thread."""
        self.run_worker(task, thread=True, group="background", name="background")

    def action_help_quit(self) -> None:
        """Ctrl+c, which ends other programs: say which key quits this one."""
        for key, active in self.active_bindings.items():
            if active.binding.id == "quit":
                self.notify(f"{active.binding.key_display or key} quits", timeout=NOTICE_SECONDS, markup=False)

    async def action_quit(self) -> None:
        """Stop the run, close the session and leave."""
        if self._quitting:
            return
        self._quitting = True
        if self.view is not None:
            self.deliver(self.view)
        self.run_worker(self._close, thread=True, group="session", name="close")

    def _close(self) -> None:
        """On another thread: closing the session takes as long as the script needs, a few seconds at most."""
        try:
            self.session.close()
        finally:
            self.post_message(SessionClosed())

    def on_session_closed(self) -> None:
        self.refresh_loop.stop()
        self.exit()

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
            following = self.refresh_loop.held is None
            return following is (action == "hold") and (self.view is None or self.view.replay is None)
        if action.startswith("replay_"):
            return self.can_replay(action)
        return True

    def action_reload(self) -> None:
        self.run_worker(self.session.reload, thread=True, group="session", name="reload")

    def action_pause(self) -> None:
        self.session.send(Pause())

    def action_resume(self) -> None:
        self.session.send(Resume())

    def selected_operator(self) -> OperatorView | None:
        screen = self.screen_stack[0]
        return screen.operators.table.current() if isinstance(screen, MainScreen) else None

    def action_hold(self) -> None:
        """Freeze the display; nothing else stops."""
        self.refresh_loop.hold()
        self._show_held()

    def action_go_on(self) -> None:
        self.refresh_loop.go_on()
        self._show_held()

    def _show_held(self) -> None:
        self.deliver(self.refresh_loop.held or self.session.snapshot())
        self.refresh_bindings()

    def action_charts(self) -> None:
        if not isinstance(self.screen, ChartsScreen):
            self.open_screen(ChartsScreen(self.context.charts))

    def action_runs(self) -> None:
        if not isinstance(self.screen, RunsScreen):
            self.open_screen(RunsScreen(self.session, self.in_thread))

    def action_help(self) -> None:
        live, replay = self.view is None or self.view.live, self.can_replay("replay_seek")
        self.push_screen(HelpScreen(len(MAIN_PANES), live=live, replay=replay))

    def palette_commands(self) -> Iterator[PaletteCommand]:
        """The commands of the palette that make sense now, the most useful first."""
        view, screen = self.view, self.screen_stack[0]
        live = view is None or view.live
        if live:
            yield PaletteCommand("Reload", "r: stop, and run the script again", self.action_reload)
            if view is not None and view.current.phase == "paused":
                yield PaletteCommand("Resume", "p: resume the sources", self.action_resume)
                yield PaletteCommand("Step", "s: release one record", self.action_step)
            elif self.check_action("pause", ()):
                yield PaletteCommand("Pause", "p: pause the sources", self.action_pause)
        if self.can_replay("replay_seek"):
            if self.can_replay("replay_play"):
                yield PaletteCommand("Play", "space: play on from here, or from the beginning", self.action_replay_play)
            else:
                yield PaletteCommand("Hold", "space: stop at this moment", self.action_replay_hold)
            yield PaletteCommand("To the start", "0: the beginning of the run", self.action_replay_start)
            yield PaletteCommand("To the end", "$: the end of the run", self.action_replay_end)
        if isinstance(screen, MainScreen):
            for number, pane in enumerate(MAIN_PANES, start=1):
                yield PaletteCommand(f"Go to {pane.label}", f"{number}", partial(screen.choose_pane, pane.pane))
            yield PaletteCommand("Zoom", "z: give the pane all the room, or restore the others", screen.action_zoom)
        yield PaletteCommand("Charts", "c: rates, latency and queues over time", self.action_charts)
        yield PaletteCommand("Runs", "v: all runs, what was edited, and whether it helped", self.action_runs)
        yield PaletteCommand("Theme", "change the colours", self.action_change_theme)
        yield PaletteCommand("Help", "?: what is where and which key does what", self.action_help)
        yield PaletteCommand("Screenshot", "save the screen as an SVG file", self.deliver_screenshot)
        yield PaletteCommand("Quit", f"q: {'stop the run and leave' if live else 'leave'}", self.action_quit)
        for pipeline in () if view is None else view.shown.pipelines:
            where = fmt.clean(pipeline.id)
            for operator in pipeline.operators:
                open_operator = partial(self.post_message, OperatorOpened(operator.key))
                yield PaletteCommand(f"Operator {fmt.clean(operator.id)}", where, open_operator)
            for service in pipeline.services:
                open_service = partial(self.post_message, ServiceOpened(service.key))
                yield PaletteCommand(f"Service {fmt.clean(service.name)}", where, open_service)

    def open_screen(self, screen: Screen[None]) -> None:
        self.push_screen(screen)
        if self.view is not None:
            self.call_after_refresh(self.deliver, self.view)

    def on_operator_opened(self, event: OperatorOpened) -> None:
        self.open_screen(OperatorScreen(event.key, self.context))

    def on_service_opened(self, event: ServiceOpened) -> None:
        self.open_screen(ServiceScreen(event.key, self.context, slowest=event.slowest))

    def on_failure_opened(self, event: FailureOpened) -> None:
        failures = () if self.view is None else failures_of(self.view)
        failure = next((failure for failure in failures if failure.key == event.key), None)
        if failure is not None:
            source = self.session.run_lines(failure.run, "failure")
            self.push_screen(FailureScreen(failure.group, source))

    def on_step_opened(self, event: StepOpened) -> None:
        calls = None if self.view is None else self.session.run_lines(self.view.shown.run, "service_call")
        self.push_screen(DetailScreen(step_detail(event.step, calls)))

    def on_line_opened(self, event: LineOpened) -> None:
        call, view = event.line.event, self.view
        if not isinstance(call, ServiceCall) or call.error is None or view is None:
            self.push_screen(DetailScreen(line_detail(event.line)))
            return
        run = view.current if call.run == view.current.run else view.shown
        failures = self.session.run_lines(run.run, "failure")
        failure = None if failures is None else failure_of(call, run, failures)
        self.push_screen(DetailScreen(call_detail(call, failure)))
