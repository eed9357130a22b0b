"""Keys of one's own: the names of all bindings, and what Textual has to be told to change some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.binding import Binding
from textual.dom import DOMNode


def named_bindings() -> Iterator[Binding]:
    """Every binding of the dashboard that has a name."""
    waiting: list[type] = [DOMNode]
    seen: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        waiting += cls.__subclasses__()
        if cls.__module__.startswith("sage_tui."):
            own = cls.__dict__.get("BINDINGS", ())
            yield from (binding for binding in Binding.make_bindings(own) if binding.id)


def default_keys() -> dict[str, tuple[str, ...]]:
    """The keys of each name."""
    keys: dict[str, tuple[str, ...]] = {}
    for binding in named_bindings():
        assert binding.id is not None
        if binding.key not in keys.get(binding.id, ()):
            keys[binding.id] = (*keys.get(binding.id, ()), binding.key)
    return keys


def keymap(wanted: Mapping[str, str], defaults: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """What to tell Textual so that the wanted names have their keys and all others keep theirs.

    Textual forgets a key altogether once one of the names that share it is given another, so those are named too.
    """
    found = {name: ",".join(key.strip() for key in keys.split(",")) for name, keys in wanted.items()}
    freed = {key for name in found for key in defaults.get(name, ())}
    taken = {key for keys in found.values() for key in keys.split(",")}
    for name, keys in defaults.items():
        if name not in found and freed.intersection(keys) and not taken.intersection(keys):
            found[name] = ",".join(keys)
    return found
