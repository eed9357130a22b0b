"""The keys that follow a record and step through a pipeline, and what they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual.binding import Binding, BindingType

from sage_runtime.events import Follow, Step
from sage_runtime.events.kinds import SOURCE_KINDS
from sage_tui.dashboard.trace.trace_screen import TraceScreen
from sage_tui.state.views import OperatorView, PipelineView

if TYPE_CHECKING:
    from textual.screen import Screen

    from sage_tui.dashboard.log.run_lines import RunLinesFinder
    from sage_tui.dashboard.log.source_colours import SourceColours
    from sage_tui.session.protocol import SessionLike
    from sage_tui.state.views import SessionView


TRACE_BINDINGS: tuple[BindingType, ...] = (
    Binding("t,T", "follow", "Trace", key_display="t", show=False, tooltip="Follow the next record", id="trace.follow"),
)


class TraceKeys:
    """A part of the app: following records, and stepping."""

    session: SessionLike
    view: SessionView | None
    finder: RunLinesFinder
    colours: SourceColours
    screen: Any

    def _selected_operator(self) -> OperatorView | None:
        """The operator under the cursor, or on the screen."""
        raise NotImplementedError

    def _open(self, screen: Screen[None]) -> None:
        """Put a screen over the others, and fill it."""
        raise NotImplementedError

    def can_follow(self, *, live: bool) -> bool:
        """Whether the key does something: a record can be followed, or those that were can be shown."""
        return live or not isinstance(self.screen, TraceScreen)

    def action_follow(self) -> None:
        """Follow the next record of the selected source, or of those that lead to the selected operator."""
        operator = None if isinstance(self.screen, TraceScreen) else self._selected_operator()
        self._follow(operator)
        if not isinstance(self.screen, TraceScreen):
            # of a source every record is its own; of others, show which had been there
            narrowed = None if operator is None or operator.kind in SOURCE_KINDS else operator.id
            self._open(TraceScreen(narrowed, self.finder, self.colours))

    def action_step(self) -> None:
        """Release one record of the selected source, or of any, and show its way."""
        operator = self._selected_operator()
        source = operator.key if operator is not None and operator.kind in SOURCE_KINDS else None
        self.session.send(Follow(source, 1))
        self.session.send(Step(source))
        if not isinstance(self.screen, TraceScreen):
            self._open(TraceScreen(None, self.finder, self.colours))

    def _follow(self, operator: OperatorView | None) -> None:
        if self.view is None or not self.view.live:
            return
        pipelines = self.view.shown.pipelines
        if operator is None:
            self.session.send(Follow(None, 1))
            return
        pipeline = next(one for one in pipelines if one.id == operator.pipeline)
        for source in sources_of(pipeline, operator.id):
            self.session.send(Follow(f"{pipeline.id}/{source}", 1))


def sources_of(pipeline: PipelineView, operator: str) -> list[str]:
    """The sources from which records reach an operator, itself if it is one, in the order of the graph."""
    kinds = {one.id: one.kind for one in pipeline.operators}
    seen: set[str] = set()
    waiting = [operator]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += _before(pipeline, one)
    return [name for name, kind in kinds.items() if name in seen and kind in SOURCE_KINDS]


def _before(pipeline: PipelineView, operator: str) -> Iterable[str]:
    return (edge.source for edge in pipeline.edges if edge.target == operator)
