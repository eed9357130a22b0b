"""Which colour a source of lines has: stable for the session, given in the order in which sources appear."""

from __future__ import annotations

from sage_tui.dashboard.base.theme import SOURCE_COLOURS
from sage_tui.state.views import RunView


class SourceColours:
    """Looks of operators and services by name. Only the dashboard's thread uses it."""

    def __init__(self) -> None:
        self._looks: dict[str, str] = {}
        self._seen: object = None
        self.width = 8
        """Cells that the longest source name takes, between 8 and 16."""

    def learn(self, run: RunView) -> None:
        """Give the operators and services of a run their colours, in the order of the graph."""
        if run.pipelines is self._seen:
            return
        self._seen = run.pipelines
        for pipeline in run.pipelines:
            for name in (*(o.id for o in pipeline.operators), *(s.name for s in pipeline.services)):
                if name not in self._looks:
                    self.look(name)
                    self.width = min(16, max(self.width, len(name)))

    def look(self, name: str | None) -> str:
        """The look of a source; the script itself has a quiet one."""
        if name is None:
            return "muted"
        look = self._looks.get(name)
        if look is None:
            look = self._looks[name] = f"source-{len(self._looks) % SOURCE_COLOURS}"
        return look
