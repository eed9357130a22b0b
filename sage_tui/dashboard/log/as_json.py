"""What `Y` copies: events as `--json` prints them, and records as JSON where their preview can be read as a value."""

from __future__ import annotations

import ast
import json

from sage_runtime.events import Event, Record, encode


def event_json(event: Event) -> str:
    """The event in one line."""
    return encode(event).decode().rstrip("\n")


def record_json(record: Record) -> str:
    """The record itself, indented; its event if the preview is cut or of an object that has no such form."""
    try:
        value = ast.literal_eval(record.preview.strip())
        return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return event_json(record)


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, complex | bytes) or value is Ellipsis:
        return repr(value)
    raise TypeError(type(value).__name__)
