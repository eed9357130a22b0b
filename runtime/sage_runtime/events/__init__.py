"""The typed events of a run and the commands that answer them, with their JSON lines.

This is the contract between the two halves: the worker publishes events, the session reads them, and the pipe, the
journal, a recording and `--json` carry the same lines. An event is one JSON object on one line, UTF-8, with the
fields of its class; the field `class_` is spelled `class` in JSON. Consumers ignore what they don't know: an unknown
type decodes to `UnknownEvent`, an unknown field is dropped, a missing field takes its default.

Totals are cumulative, durations are seconds, shares lie between 0 and 1, previews are short safe strings.

To add an event, define its class in `types`: that registers and exports it.
"""

from __future__ import annotations

from sage_runtime.events.codec import *  # noqa: F403
from sage_runtime.events.messages import *  # noqa: F403
from sage_runtime.events.types import *  # noqa: F403
from sage_runtime.frozen import replace as replace
