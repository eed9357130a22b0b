"""The pane with the pipeline's graph and its live numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, TypeAlias

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from sage_tui.dashboard.base.indicators import STATES, cause_of, load, load_span
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import ScrollingLines, Span, crop, span, spans_width, wrapped
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.messages import OperatorOpened, OperatorSelected, ServiceOpened
from sage_tui.state import format as fmt
from sage_tui.state.layout import GraphLayout, GraphNode, Topologies, Topology, best_layout, too_large
from sage_tui.state.views import Bottleneck, OperatorView, PipelineView, RunView, ServiceView, SessionView

Cells: TypeAlias = dict[int, tuple[str, str]]
"""Column → character and look."""

_LINE_LOOKS: Mapping[str, str] = {"edge": "muted", "feedback": "accent", "call": "muted"}


class PaintedGraph:
    """A picture of a graph with the numbers of a run."""

    def __init__(self, picture: GraphLayout) -> None:
        self.picture = picture
        self._base = self._paint_lines()
        self._by_row: dict[int, list[GraphNode]] = {}
        for node in picture.nodes:
            for y in range(node.y, node.y + node.height):
                self._by_row.setdefault(y, []).append(node)
        self._operators: dict[str, OperatorView] = {}
        self._services: dict[str, ServiceView] = {}
        self._pipelines: dict[str, PipelineView] = {}
        self._bottleneck: Bottleneck | None = None

    def _paint_lines(self) -> dict[int, Cells]:
        rows: dict[int, Cells] = {}
        for (x, y), character in self.picture.characters.items():
            rows.setdefault(y, {})[x] = (character, _LINE_LOOKS[self.picture.kinds.get((x, y), "edge")])
        return rows

    def show_run(self, run: RunView) -> None:
        """Take the numbers from this run."""
        self._operators = {one.key: one for pipeline in run.pipelines for one in pipeline.operators}
        self._services = {one.key: one for pipeline in run.pipelines for one in pipeline.services}
        self._pipelines = {pipeline.id: pipeline for pipeline in run.pipelines}
        self._bottleneck = run.bottleneck

    def row(self, y: int, selected: str | None, focused: bool) -> Cells:
        cells = dict(self._base.get(y, ()))
        for node in self._by_row.get(y, ()):
            if node.kind == "operator":
                self._operator(cells, node, y, selected == node.key, focused)
            elif node.kind == "service":
                self._service(cells, node, y, selected == node.key, focused)
            else:
                self._title(cells, node)
        return cells

    def _operator(self, cells: Cells, node: GraphNode, y: int, selected: bool, focused: bool) -> None:
        operator = self._operators.get(node.key)
        limiting = self._limits(node.key)
        look = "key" if selected and focused else "bad" if operator and operator.state == "failed" else "muted"
        if limiting and not (selected and focused):
            look = "accent"
        for x, row in node.frame:
            if row == y:
                cells[x] = (cells[x][0], look)
        if node.mark is not None and node.mark[1] == y:
            cells[node.mark[0]] = (cells[node.mark[0]][0], look)
        if y == node.text_y:
            name_look = "picked" if selected and focused else "strong"
            self._put(cells, node.text_x, [span(fmt.clean(node.name), node.text_width, name_look)])
        if operator is None:
            return
        if y == node.numbers_y:
            beside = node.height == 1 and operator.errors > 0  # without a frame, the failures go beside the numbers
            self._put(cells, node.numbers_x, operator_numbers(operator, node.numbers_width, failures=beside))
        if node.height > 1 and y == node.y and operator.parallelism > 1:
            text = f"×{operator.parallelism}"
            self._put(cells, node.x + node.width - 2 - cell_len(text), [Span(text, "accent")])
        if node.height > 1 and y == node.y + node.height - 1 and operator.errors:
            self._put(cells, node.x + 1, [Span(f"✗ {fmt.count(operator.errors)} ", "bad")])

    def _limits(self, key: str) -> bool:
        limit = self._bottleneck
        if limit is None:
            return False
        return key == f"{limit.pipeline}/{limit.service or limit.operator}"

    def _service(self, cells: Cells, node: GraphNode, y: int, selected: bool, focused: bool) -> None:
        service = self._services.get(node.key)
        if node.mark is not None and node.mark[1] == y:
            cells[node.mark[0]] = (cells[node.mark[0]][0], "key" if selected and focused else "accent")
        if y == node.text_y:
            look = "picked" if selected and focused else "accent" if self._limits(node.key) else "strong"
            self._put(cells, node.text_x, [span(fmt.clean(node.name), node.text_width, look)])
        if y == node.numbers_y and service is not None:
            self._put(cells, node.numbers_x, service_numbers(service, node.numbers_width))

    def _title(self, cells: Cells, node: GraphNode) -> None:
        pipeline = self._pipelines.get(node.key)
        spans = [Span(fmt.clean(node.name), "strong")]
        if pipeline is not None:
            glyph, look = STATES.get(pipeline.status, ("○", "muted"))
            took = "" if pipeline.duration is None else f" in {fmt.duration(pipeline.duration)}"
            spans.append(Span(f"  {glyph} {pipeline.status}{took}", look))
        self._put(cells, node.x, spans)

    @staticmethod
    def _put(cells: Cells, x: int, spans: Sequence[Span]) -> None:
        for text, look in spans:
            for character in text:
                cells[x] = (character, look)
                width = cell_len(character)
                if width == 2:
                    cells[x + 1] = ("", look)
                x += width


def operator_numbers(operator: OperatorView, width: int, *, failures: bool = False) -> list[Span]:
    """`1.2k/s ▂▅▆ ▇ 93%` while it runs, its total when it has ended; exactly `width` cells."""
    if operator.state in ("finished", "failed", "stopped"):
        total = operator.records_out or operator.records_in
        glyph, look = STATES[operator.state]
        return crop([Span(f"{glyph} ", look), Span(fmt.exact(total)), Span(" rec", "muted")], 0, width)
    if operator.state == "starting":
        return crop([Span("starting", "muted")], 0, width)
    rate = [Span(f"{fmt.rate(operator.rate):>4}", "" if operator.rate else "muted"), Span("/s", "muted")]
    share = load_span(load(operator))
    room = width - spans_width([*rate, share]) - 1
    middle = [Span(" ")]
    if failures and room >= 4:
        middle = [Span(" "), span(f"✗ {fmt.count(operator.errors)}", room - 1, "bad"), Span(" ")]
    elif room >= 2:
        middle = [Span(" "), Span(fmt.spark(operator.history, room - 1), "good"), Span(" ")]
    elif room > 0:
        middle = [Span(" " * (room + 1))]
    return crop([*rate, *middle, share], 0, width, mark=False)


def service_numbers(service: ServiceView, width: int) -> list[Span]:
    """`1.2k/s  p99 0.4 ms`, or how many calls failed; exactly `width` cells."""
    if not service.calls:
        return crop([Span("no calls yet", "muted")], 0, width)
    spans = [Span(f"{fmt.rate(service.rate):>4}", "" if service.rate else "muted"), Span("/s  ", "muted")]
    if service.errors:
        spans.append(Span(f"✗ {fmt.count(service.errors)}", "bad"))
    else:
        spans += (Span("p99 ", "muted"), Span(fmt.duration(service.latency.p99)))
    return crop(spans, 0, width)


WIDEST_WORDS, LEAST_WORDS, MOST_LINES = 64, 30, 6
"""Cells and lines for the reason of a failure, in place of a graph."""


class GraphView(ScrollingLines, can_focus=True):
    """The picture; it scrolls if it is larger than the pane. The arrows go from node to node."""

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

    def show_run(self, run: RunView, empty: tuple[str, ...]) -> None:
        """Show a run's graph; `empty` are the lines shown in place of an empty one."""
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
        """The rows that the graph would take at the present width, `most` at most."""
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
        return None if self._painted is None else self._painted.picture

    def on_resize(self) -> None:
        self._lay_out()
        self.refresh()

    def select(self, key: str) -> None:
        """Highlight a node, without a message."""
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

    def _origin(self) -> tuple[int, int]:
        """The offset of the picture: centred if the pane is larger."""
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
    """How far ahead in a direction a node's middle is; rows count double, being twice as high."""
    x = (there.x + there.width / 2) - (here.x + here.width / 2)
    y = 2 * ((there.y + there.height / 2) - (here.y + here.height / 2))
    return x * right + y * down


class GraphPane(Pane):
    """The pipeline as it was built, with live numbers."""

    pane = "pipeline"
    label = "Pipeline"
    short = "Graph"
    group = "graph"

    def __init__(self, context: Context | None = None) -> None:
        self.graph = GraphView()
        self._view: SessionView | None = None
        super().__init__(self.graph)

    def on_resize(self) -> None:
        super().on_resize()
        if self._view is not None:  # the text is wrapped at the width
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
    """The lines shown in place of a graph, of about `width` cells."""
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
        return (script, "finished without submitting a pipeline")
    if run.phase == "stopped":
        return (script, "was stopped before it submitted a pipeline")
    if run.signal:
        return ("the worker was killed by " + fmt.clean(run.signal), "r runs it again")
    failed = (script, "failed before it submitted a pipeline")
    cause = cause_of(run)
    if cause is None or width < LEAST_WORDS:
        return (*failed, "6 shows why, r runs it again")
    lines = wrapped(f"{cause.place}  {cause.words}", width, MOST_LINES)
    return (*failed, "", *lines, "", "6 shows the traceback, r runs it again")
