"""Live numbers painted into the picture of a graph, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from rich.cells import cell_len

from sage_tui.dashboard.base.load import STATES, load, load_span
from sage_tui.dashboard.base.strips import Span, crop, span, spans_width
from sage_tui.state import format as fmt
from sage_tui.state.layout import GraphLayout, GraphNode
from sage_tui.state.views import Bottleneck, OperatorView, PipelineView, RunView, ServiceView

Cells: TypeAlias = dict[int, tuple[str, str]]
"""Column → character and look."""

_LINE_LOOKS: Mapping[str, str] = {"edge": "muted", "feedback": "accent", "call": "muted"}


class PaintedGraph:
    """A picture with the numbers of a run. Rows are painted when they are asked for and kept until the next view."""

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
        """The cells of a row."""
        cells = dict(self._base.get(y, ()))
        for node in self._by_row.get(y, ()):
            if node.kind == "operator":
                self._operator(cells, node, y, selected == node.key, focused)
            elif node.kind == "service":
                self._service(cells, node, y, selected == node.key, focused)
            else:
                self._title(cells, node)
        return cells

    # --- operators -------------------------------------------------------------------------------------------------

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
            beside = node.height == 1 and operator.errors > 0  # there is no frame to write failures on
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

    # --- services --------------------------------------------------------------------------------------------------

    def _service(self, cells: Cells, node: GraphNode, y: int, selected: bool, focused: bool) -> None:
        service = self._services.get(node.key)
        if node.mark is not None and node.mark[1] == y:
            cells[node.mark[0]] = (cells[node.mark[0]][0], "key" if selected and focused else "accent")
        if y == node.text_y:
            look = "picked" if selected and focused else "accent" if self._limits(node.key) else "strong"
            self._put(cells, node.text_x, [span(fmt.clean(node.name), node.text_width, look)])
        if y == node.numbers_y and service is not None:
            self._put(cells, node.numbers_x, service_numbers(service, node.numbers_width))

    # --- pipelines -------------------------------------------------------------------------------------------------

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
