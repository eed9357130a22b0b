"""Failures grouped by source, type and place: exact counts in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

from sage_runtime.events import Failure, LeftOut, replace
from sage_tui.state.snapshot import Kept, many, plain_values, record, value, whole
from sage_tui.state.views import FailureGroup

MOST_GROUPS = 500
"""Further groups are counted together."""

OTHER = "(other)"
"""The group of all that came after `MOST_GROUPS` groups, or was left out without a word of its group."""

FIRST_KEPT, LAST_KEPT = 3, 7
"""Positions kept of each group: the first few and the last few."""

MESSAGE_LENGTH = 2_000


def _by_group(groups: Iterable[FailureGroup]) -> dict[str, FailureGroup]:
    return {group.group: group for group in groups}


class FailureLog(Kept):
    """The groups in the order of their first failure; `total` counts all failures, those left out included."""

    __slots__ = ("_view", "groups", "total")
    KEPT = (value("total", whole), value("groups", many(record(FailureGroup), _by_group), write=plain_values))

    def __init__(self) -> None:
        self.groups: dict[str, FailureGroup] = {}
        self.total = 0
        self._view: tuple[FailureGroup, ...] | None = None

    def add(self, failure: Failure, position: int) -> None:
        """Count a failure that is entry `position` of the journal's failure channel."""
        self._view = None
        self.total += 1
        key = failure.group or f"{failure.source}: {failure.exception} ({failure.file}:{failure.line})"
        group = self.groups.get(key)
        if group is None and len(self.groups) >= MOST_GROUPS:
            self._add_other(failure.t, 1, position)
            return
        self.groups[key] = FailureGroup(
            group=key,
            pipeline=failure.pipeline,
            source=failure.source,
            kind=failure.kind,
            exception=failure.exception,
            message=failure.message[:MESSAGE_LENGTH],
            file=failure.file,
            line=failure.line,
            count=1 if group is None else group.count + 1,
            first_t=failure.t if group is None else group.first_t,
            last_t=failure.t,
            sent=1 if group is None else group.sent + 1,
            positions=_with(() if group is None else group.positions, position),
        )

    def leave_out(self, event: LeftOut) -> FailureGroup | None:
        """Count failures that were not sent; returns the group that they belong to, if that is known."""
        self._view = None
        self.total += event.count
        group = self.groups.get(event.group) if event.group is not None else None
        if group is None:
            self._add_other(event.t, event.count, None)
            return None
        group = replace(group, count=group.count + event.count, last_t=event.t)
        self.groups[group.group] = group
        return group

    def _add_other(self, t: float, count: int, position: int | None) -> None:
        group = self.groups.get(OTHER)
        if group is None:
            words = f"failures of other groups (more than {MOST_GROUPS}, or left out unnamed)"
            group = FailureGroup(OTHER, None, None, "other", "", words, None, None, 0, t, t, 0)
        sent = group.sent + (position is not None)
        positions = group.positions if position is None else _with(group.positions, position)
        self.groups[OTHER] = replace(group, count=group.count + count, last_t=t, sent=sent, positions=positions)

    def view(self) -> tuple[FailureGroup, ...]:
        """The groups, the collecting one last; the same object while nothing was added."""
        if self._view is None:
            named = [group for key, group in self.groups.items() if key != OTHER]
            other = self.groups.get(OTHER)
            self._view = (*named, other) if other is not None else tuple(named)
        return self._view


def _with(positions: tuple[int, ...], position: int) -> tuple[int, ...]:
    if len(positions) < FIRST_KEPT + LAST_KEPT:
        return (*positions, position)
    return (*positions[:FIRST_KEPT], *positions[FIRST_KEPT + 1 :], position)
