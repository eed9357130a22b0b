"""The pane with the pipeline's graph: the picture comes from `state.layout`, the live numbers are painted into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span, StripWidget, wrapped
from sage_tui.dashboard.cause import cause_of
from sage_tui.dashboard.messages import OperatorOpened, OperatorSelected, ServiceOpened
from sage_tui.dashboard.widgets.nodes import Cells, PaintedGraph
from sage_tui.state import format as fmt
from sage_tui.state.layout import GraphLayout, GraphNode, Topologies, Topology, best_layout, too_large
from sage_tui.state.views import RunView, SessionView

WIDEST_WORDS, LEAST_WORDS, MOST_LINES = 64, 30, 6
"""Cells and lines for why a script failed, where a graph would be."""


class GraphView(StripWidget, can_focus=True):
    """The picture, scrolled where it is larger than the pane; the arrows go from node to node."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "go(-1, 0)", "Left", show=False, id="graph.left"),
        Binding("right,l", "go(1, 0)", "Right", show=False, id="graph.right"),
        Binding("up,k", "go(0, -1)", "Up", show=False, id="graph.up"),
        Binding("down,j", "go(0, 1)", "Down", show=False, id="graph.down"),
        Binding("enter", "open", "Open", key_display="enter", id="graph.open"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.selected: str | None = None
        self._run: RunView | None = None
        self._topology: Topology | None = None
        self._topologies = Topologies()
        self._wanted: tuple[Topology, int, int, int] | None = None
        self._painted: PaintedGraph | None = None
        self._empty: tuple[str, ...] = ()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_run(self, run: RunView, empty: tuple[str, ...]) -> None:
        """Show a run's graph; `empty` are the lines to show instead of an empty one."""
        old, self._run = self._run, run
        if empty != self._empty:
            self._empty = empty
            self.refresh()
        if old is not None and old.pipelines is run.pipelines and old.bottleneck == run.bottleneck:
            return
        topology = self._topologies.of(run.pipelines)
        if topology is not self._topology:
            grown = self._topology is not None and len(topology.pipelines) > len(self._topology.pipelines)
            self._topology = topology
            self._lay_out()
            if grown:
                self._show_last_pipeline()
        if self._painted is not None:
            self._painted.show_run(run)
        self.redraw()

    def wanted_rows(self, run: RunView, most: int) -> int:
        """The rows in which the graph would be drawn most generously at the present width, `most` at most."""
        if not run.pipelines:
            return 7
        topology, width = self._topologies.of(run.pipelines), max(20, self.size.width or 70)
        if self._wanted is None or self._wanted[0] is not topology or self._wanted[1:3] != (width, most):
            self._wanted = topology, width, most, best_layout(topology, width, most).height
        return min(most, self._wanted[3])

    def operators_for_a_table(self, run: RunView) -> int:
        """How many operators there are if they are better shown as a table, else 0."""
        topology = self._topologies.of(run.pipelines)
        return topology.operator_count if too_large(topology) else 0

    def _lay_out(self) -> None:
        """Draw the topology for the present size."""
        if self._topology is None or not self._topology.pipelines or not self.size:
            self._painted = None
            return
        width, height = self.scrollable_content_region.size
        picture = best_layout(self._topology, max(20, width), max(4, height))
        if self._painted is None or self._painted.picture is not picture:
            self._painted = PaintedGraph(picture)
            if self._run is not None:
                self._painted.show_run(self._run)
        size = Size(max(picture.width, width), max(picture.height, height))
        if size != self.virtual_size:
            self.virtual_size = size

    def _show_last_pipeline(self) -> None:
        picture = self.picture
        titles = [] if picture is None else [node for node in picture.nodes if node.kind == "pipeline"]
        if titles and picture is not None and picture.height > self.size.height:
            self.scroll_to(y=titles[-1].y, animate=False)

    @property
    def picture(self) -> GraphLayout | None:
        """The drawing that is shown."""
        return None if self._painted is None else self._painted.picture

    def on_resize(self) -> None:
        self._lay_out()
        self.refresh()

    # --- selection -------------------------------------------------------------------------------------------------

    def select(self, key: str) -> None:
        """Set a node off from the others, without telling anybody."""
        if key != self.selected:
            self.selected = key
            node = self._node(key)
            if node is not None:
                self._show_node(node)
            self.redraw()

    def _node(self, key: str | None) -> GraphNode | None:
        return next((node for node in self._choices() if node.key == key), None)

    def _choices(self) -> Iterable[GraphNode]:
        picture = self.picture
        return () if picture is None else (node for node in picture.nodes if node.kind != "pipeline")

    def _choose(self, node: GraphNode) -> None:
        self.select(node.key)
        self.post_message(OperatorSelected(node.key))

    def _show_node(self, node: GraphNode) -> None:
        region = Region(*self._origin(), 0, 0).translate((node.x, node.y))
        self.scroll_to_region(Region(region.x, region.y, node.width, node.height), animate=False)

    def action_go(self, right: int, down: int) -> None:
        """Select the nearest node in a direction."""
        here = self._node(self.selected)
        if here is None:
            first = next(iter(self._choices()), None)
            if first is not None:
                self._choose(first)
            return
        best = min(
            (node for node in self._choices() if _ahead(here, node, right, down) > 0),
            key=lambda node: _ahead(here, node, right, down) + 4 * abs(_ahead(here, node, down, right)),
            default=None,
        )
        if best is not None:
            self._choose(best)

    def action_open(self) -> None:
        """Open the selected operator or service."""
        node = self._node(self.selected)
        if node is not None:
            self.post_message(ServiceOpened(node.key) if node.kind == "service" else OperatorOpened(node.key))

    def on_click(self, event: events.Click) -> None:
        picture, origin = self.picture, self._origin()
        offset = event.get_content_offset_capture(self) + self.scroll_offset
        node = None if picture is None else picture.node_at(offset.x - origin[0], offset.y - origin[1])
        if node is not None:
            self._choose(node)
            if event.chain == 2:
                self.action_open()

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _origin(self) -> tuple[int, int]:
        """Where the picture begins: in the middle, a little up, where the pane is larger."""
        picture = self.picture
        if picture is None:
            return (0, 0)
        width, height = self.scrollable_content_region.size
        return max(0, (width - picture.width) // 2), max(0, (height - picture.height) // 2)

    def render_line(self, y: int) -> Strip:
        width, height = self.scrollable_content_region.size
        if self._painted is None:
            first = max(0, (height - len(self._empty)) // 2)
            return (
                self.centred(self._empty[y - first], width) if 0 <= y - first < len(self._empty) else self.blank(width)
            )
        left, top = self._origin()
        cells: Cells = self._painted.row(y + round(self.scroll_y) - top, self.selected, self.has_focus)
        start = round(self.scroll_x) - left
        spans: list[Span] = []
        text, look = "", ""
        for x in range(start, start + width):
            character, of = cells.get(x, (" ", ""))
            if of != look:
                spans.append(Span(text, look))
                text, look = "", of
            text += character
        spans.append(Span(text, look))
        return self.strip(spans, width)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()


def _ahead(here: GraphNode, there: GraphNode, right: int, down: int) -> float:
    """How far a node's middle lies ahead in a direction; rows count double, as they are twice as high."""
    x = (there.x + there.width / 2) - (here.x + here.width / 2)
    y = 2 * ((there.y + there.height / 2) - (here.y + here.height / 2))
    return x * right + y * down


class GraphPane(Pane):
    """The pipeline as it was built, with live numbers."""

    pane = "pipeline"
    label = "Pipeline"
    short = "Graph"

    def __init__(self) -> None:
        super().__init__()
        self.graph = GraphView()
        self._view: SessionView | None = None

    def compose(self) -> ComposeResult:
        yield self.graph

    @property
    def main(self) -> Widget:
        return self.graph

    def on_resize(self) -> None:
        super().on_resize()
        if self._view is not None:  # words are broken for the width
            self.show_view(self._view)

    def show_view(self, view: SessionView) -> None:
        self._view = view
        self.graph.show_run(view.shown, empty_words(view, min(WIDEST_WORDS, self.graph.size.width - 4)))
        many = self.graph.operators_for_a_table(view.shown)
        picture = self.graph.picture
        if many:
            self.set_note(f"{fmt.exact(many)} operators, a row each · 2 for the table")
        elif picture is not None and not picture.calls_drawn:
            self.set_note("too many calls to draw · 4 for the callers")
        else:
            self.set_note("")

    def copied(self) -> str | None:
        picture = self.graph.picture
        return None if picture is None else picture.picture()


def empty_words(view: SessionView, width: int) -> tuple[str, ...]:
    """What is said where there is no graph, in lines of about `width` cells."""
    run = view.shown
    if run.pipelines:
        return ()
    script = fmt.clean(view.script)
    if run.phase in ("starting", "running", "paused"):
        python = f"with {fmt.cut_start(fmt.clean(run.python), 48)}" if run.python else ""
        words = (
            ("starting", script, python) if run.phase == "starting" else (script, "has not submitted a pipeline yet")
        )
        return tuple(word for word in words if word)
    if run.phase == "finished":
        return (script, "has ended without submitting a pipeline")
    if run.phase == "stopped":
        return (script, "was stopped before it submitted a pipeline")
    if run.signal:
        return ("the worker was killed by " + fmt.clean(run.signal), "r starts again")
    failed = (script, "failed before it submitted a pipeline")
    cause = cause_of(run)
    if cause is None or width < LEAST_WORDS:
        return (*failed, "6 shows why, r starts again")
    lines = wrapped(f"{cause.place}  {cause.words}", width, MOST_LINES)
    return (*failed, "", *lines, "", "6 shows the traceback, r starts again")
