"""One service: its methods, its callers, and every call."""

from __future__ import annotations

from pathlib import PurePath

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.main_layout import NARROW, Box, Groups
from sage_tui.dashboard.compare.baselines import Baselines
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.dashboard.widgets.service_call_pane import ServiceCallsPane
from sage_tui.dashboard.widgets.service_methods import CallersPane, CallsWanted, MethodsPane
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt
from sage_tui.state.views import ServiceView, SessionView


class ServiceScreen(DeckScreen):
    """Enter on a method or a caller shows its calls; Enter on a call shows it whole."""

    def __init__(
        self, key: str, finder: RunLinesFinder, colours: SourceColours, baselines: Baselines, *, slowest: bool = False
    ) -> None:
        self._key = key
        self._slowest = slowest
        self._rows = 3
        self._baselines = baselines
        pipeline, _, name = key.partition("/")
        self.methods = MethodsPane()
        self.callers = CallersPane(colours)
        self.calls = ServiceCallsPane(pipeline, name, colours, finder)
        super().__init__(Deck([self.methods, self.callers, self.calls], self._divide, "calls"))
        self.deck.labels["methods"] = f"◇ {fmt.clean(name)}"

    def on_mount(self) -> None:
        super().on_mount()
        if self._slowest:
            self.calls.sort("took")

    def _divide(self, width: int, height: int) -> Groups:
        """Methods and callers over the calls; side by side where there is room."""
        top = max(5, min(height // 3, self._rows + 3))
        if width < NARROW:
            return [(("methods", "callers"), Box(0, 0, width, top)), (("calls",), Box(0, top, width, height - top))]
        left = round(width * 0.62)
        return [
            (("methods",), Box(0, 0, left, top)),
            (("callers",), Box(left, 0, width - left, top)),
            (("calls",), Box(0, top, width, height - top)),
        ]

    def note_view(self, view: SessionView) -> None:
        services = (one for pipeline in view.shown.pipelines for one in pipeline.services)
        service = next((one for one in services if one.key == self._key), None)
        self.methods.show_service(service, self._baselines.changes(view))
        self.callers.show_service(service)
        if service is not None:
            self.methods.set_note(_origin(service))
            rows = max(self.methods.table.row_count, self.callers.table.row_count)
            if rows != self._rows:
                self._rows = rows
                self.deck.lay_out()

    def on_calls_wanted(self, event: CallsWanted) -> None:
        """Show only the calls of a method, or of a caller."""
        event.stop()
        method, caller = event.method, event.caller
        if method:
            self.calls.choose(Query(f"method:{method}", (lambda line: _call(line).method == method,), None))
        elif caller:
            self.calls.choose(
                Query(f"caller:{caller}", (lambda line: (_call(line).caller or "script") == caller,), None)
            )
        else:
            self.calls.choose(None)
        self._choose("calls")


def _call(line: Line) -> ServiceCall:
    assert isinstance(line.event, ServiceCall)  # it is in the channel of calls
    return line.event


def _origin(service: ServiceView) -> str:
    place = f" · {PurePath(service.file).name}:{service.line}" if service.file else ""
    calls = f" · calls {', '.join(service.services)}" if service.services else ""
    return fmt.clean(f"{service.class_}{place} · {service.pipeline}{calls}")
