"""The main screen: everything about the run at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import ClassVar, NamedTuple, Protocol

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from sage_runtime.events import Input as InputLine
from sage_tui.dashboard.base.grid import LOW, NARROW, TALL, WIDE, Box, Groups, PaneGrid
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.line_pane import LogPane, OutputPane
from sage_tui.dashboard.messages import OperatorSelected
from sage_tui.dashboard.screens.failures import FailuresPane, failures_of
from sage_tui.dashboard.screens.pane_screen import PaneScreen, pane_bindings
from sage_tui.dashboard.widgets.bars import Prompt
from sage_tui.dashboard.widgets.call_pane import CallsPane
from sage_tui.dashboard.widgets.graph_pane import GraphPane
from sage_tui.dashboard.widgets.operator_table import OperatorsPane, operator_rows
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


class MainPane(Protocol):
    """The class of a pane that the main screen creates."""

    @property
    def pane(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def group(self) -> str: ...

    def __call__(self, context: Context) -> Pane: ...


MAIN_PANES: tuple[MainPane, ...] = (GraphPane, OperatorsPane, OutputPane, CallsPane, LogPane, FailuresPane)
"""The panes in the order of their numbers, from 1. Layout, tabs, keys, help and palette follow from this."""


VERY_WIDE = 168
"""From so many columns on, the first of the lower panes (service calls) lies beside the others."""

SHORT = 18
"""Under so many rows, graph and operators are shown together only if both are shown whole."""

LEAST_BOTTOM = 7
LEAST_OPERATORS = 5
LEAST_GRAPH = 8

Members = Mapping[str, tuple[str, ...]]
"""The panes of each group: `graph`, `operators`, `output` and `below`."""


class PreferredSizes(NamedTuple):
    """The rows, borders included, in which the graph and the operators table would show everything."""

    graph: int = 11
    operators: int = 6
    crowded: bool = False
    """There are too many operators for a picture: graph and table share one box, as each needs all the rows."""


def members_of(panes: Sequence[MainPane]) -> Members:
    """The panes by group, in the order of their numbers."""
    groups = ("graph", "operators", "output", "below")
    return {group: tuple(pane.pane for pane in panes if pane.group == group) for group in groups}


def main_groups(width: int, height: int, members: Members, sizes: PreferredSizes) -> Groups:
    """Lay the panes out in `width` × `height` cells. A pure function, so that every size can be tested."""
    if width < NARROW or height < LOW:
        return [(sum(members.values(), ()), Box(0, 0, width, height))]
    if width >= WIDE:
        return _side_by_side(width, height, members, sizes)
    return _stacked(width, height, members, sizes)


def _side_by_side(width: int, height: int, members: Members, sizes: PreferredSizes) -> Groups:
    """Graph over operators, output to the right of both, the rest below."""
    bottom = max(LEAST_BOTTOM, min(18, round(height * 0.34)))
    top = height - bottom
    left = round(width * 0.6)
    groups = [*_graph_and_operators(left, top, members, sizes), (members["output"], Box(left, 0, width - left, top))]
    below = members["below"]
    if width < VERY_WIDE:
        return [*groups, (below, Box(0, top, width, bottom))]
    return [*groups, (below[:1], Box(0, top, left, bottom)), (below[1:], Box(left, top, width - left, bottom))]


def _stacked(width: int, height: int, members: Members, sizes: PreferredSizes) -> Groups:
    """Graph, operators, and tabs with the lines, one below the other."""
    output, below = members["output"], members["below"]
    if height < TALL:
        both = sizes.graph + sizes.operators
        most = height - LEAST_BOTTOM + 1  # a banner takes a row, and nothing may move then
        top = both if both <= most else min(most, max(sizes.graph, LEAST_GRAPH))
        groups = _graph_and_operators(width, top, members, sizes)
        return [*groups, ((*output, *below), Box(0, top, width, height - top))]
    bottom = max(LEAST_BOTTOM, height // 4)
    top = min(round(height * 0.5), sizes.graph + sizes.operators)
    return [
        *_graph_and_operators(width, top, members, sizes),
        (output, Box(0, top, width, height - top - bottom)),
        (below, Box(0, height - bottom, width, bottom)),
    ]


def _graph_and_operators(width: int, height: int, members: Members, sizes: PreferredSizes) -> Groups:
    """The two over one another where both have room, else as tabs of one box."""
    least_graph = min(LEAST_GRAPH, sizes.graph)
    least_operators = min(LEAST_OPERATORS, sizes.operators)
    short = height < SHORT and height < sizes.graph + sizes.operators
    if sizes.crowded or short or height < least_graph + least_operators:
        return [((*members["graph"], *members["operators"]), Box(0, 0, width, height))]
    operators = max(least_operators, min(sizes.operators, height - sizes.graph, height // 2))
    graph = height - operators
    return [(members["graph"], Box(0, 0, width, graph)), (members["operators"], Box(0, graph, width, operators))]


class MainGrid(PaneGrid):
    """The panes of the main screen. Sizes follow what there is to show; a pane that has something to say comes up."""

    def __init__(self, panes: Sequence[Pane]) -> None:
        members = members_of(MAIN_PANES)
        self.sizes = PreferredSizes()
        self._lower = members["below"]
        self._lower_used = False
        super().__init__(panes, lambda width, height: main_groups(width, height, members, self.sizes), "output")

    def note_used(self, name: str) -> None:
        self._lower_used = self._lower_used or name in self._lower
        super().note_used(name)

    def prefer(self, name: str) -> None:
        """Have one of the lower panes in front of the others until somebody has used one of them."""
        order = [name, *(other for other in self._lower if other != name)]
        if self._lower_used or [other for other in self.recent if other in self._lower] == order:
            return
        self.recent = [*(other for other in self.recent if other not in self._lower), *order]
        self.rearrange()

    def set_sizes(self, sizes: PreferredSizes) -> None:
        """Arrange the panes for other preferred sizes."""
        if sizes != self.sizes:
            if sizes.crowded and not self.sizes.crowded and self.active != "pipeline":
                self.recent.remove("operators")
                self.recent.insert(self.recent.index("pipeline"), "operators")
            self.sizes = sizes
            self.rearrange()


class MainScreen(PaneScreen):
    """The panes of `MAIN_PANES`, and a line for input."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"pane({number})", pane.pane.capitalize(), show=False, id=f"pane.{pane.pane}")
            for number, pane in enumerate(MAIN_PANES, start=1)
        ),
        *pane_bindings("pane"),
    ]

    grid: MainGrid

    def __init__(self, context: Context) -> None:
        super().__init__(MainGrid([create(context) for create in MAIN_PANES]))
        self._session, self._colours = context.session, context.colours
        self.graph = self.grid.find(GraphPane)
        self.operators = self.grid.find(OperatorsPane)
        self.calls = self.grid.find(CallsPane)
        self.prompt = Prompt()

    def compose_below(self) -> Iterable[Widget]:
        return (self.prompt,)

    def note_view(self, view: SessionView) -> None:
        self._colours.learn(view.shown)
        self.prompt.show_view(view)
        failures = view.shown.errors or sum(failure.group.count for failure in failures_of(view))  # as in the header
        self.grid.set_badge("failures", f"({fmt.count(failures)})" if failures else "")
        self.grid.set_sizes(
            PreferredSizes(
                self.graph.graph.wanted_rows(view.shown, max(8, self.size.height // 2 - 2)) + 2,
                len(operator_rows(view.shown)) + 3,
                self.graph.graph.operators_for_a_table(view.shown) > 0,
            )
        )
        self.grid.prefer(lower_pane(view))
        self.keys.set_note(watching(view))

    def choose_pane(self, name: str) -> None:
        """Go to a pane; to the other half of the service calls if it is active already."""
        if name == "calls" and self.grid.active == "calls" and self.calls.has_focus_within:
            self.calls.action_switch()
        else:
            super().choose_pane(name)

    def on_operator_selected(self, event: OperatorSelected) -> None:
        event.stop()
        self.graph.graph.select(event.key)
        self.operators.table.select(event.key)

    def on_prompt_appeared(self, event: Prompt.Appeared) -> None:
        event.stop()
        if not isinstance(self.focused, Input):
            self.prompt.take_keys()

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        event.stop()
        self._session.send(InputLine(event.line))
        self.grid.choose(self.grid.active)


def lower_pane(view: SessionView) -> str:
    """The lower pane that has something to show: service calls, else failures, else the log."""
    run = view.shown
    if not run.pipelines or any(pipeline.services for pipeline in run.pipelines):
        return "calls"
    return "failures" if failures_of(view) else "log" if run.lines.get("log") else "calls"


def watching(view: SessionView) -> str:
    """What the bottom line says at its right."""
    if not view.live:
        return f"replay of {PurePath(view.folder).name}"
    if view.watch_paused is not None:
        return "watching paused"
    return f"watching {view.watching} file{'s' if view.watching != 1 else ''}" if view.watching else ""
