"""The user's settings applied to the dashboard, and the theme that is remembered in a state file beside them.

The settings file belongs to the user and is never written. `state.json` is the dashboard's own; a theme in the settings
file takes precedence over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from sage_tui.settings import Problem, Settings
from sage_tui.state import format as fmt

STATE_FILE = "state.json"

PROBLEM_SECONDS = 15.0


def remembered_theme(settings: Path | None) -> str | None:
    """The theme in the state file beside the settings file; None if there is none that can be read."""
    if settings is None:
        return None
    try:
        theme = json.loads(settings.with_name(STATE_FILE).read_text(encoding="utf-8"))["theme"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return theme if isinstance(theme, str) else None


def remember_theme(settings: Path, theme: str) -> None:
    """Write the theme into the state file beside the settings file.

    Raises:
        OSError: it can't be written.
    """
    path = settings.with_name(STATE_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps({"theme": theme}) + "\n", encoding="utf-8")
    part.replace(path)


class Preferences(App[None]):
    """A part of the app: it applies the settings, reports what can't be used, and remembers the theme."""

    settings: Settings
    _known_theme: str

    def apply_settings(self) -> list[Problem]:
        """Set theme and keys; returns what in the file can't be used."""
        settings, problems = self.settings, list(self.settings.problems)
        remembered = remembered_theme(settings.path)
        if settings.theme is None and remembered in self.available_themes:
            self.theme = remembered or self.theme
        elif settings.theme in self.available_themes:
            self.theme = settings.theme or self.theme
        elif settings.theme is not None:
            problems.append(settings.problem("theme", f"there is no theme {settings.theme}; {self.theme} is used"))
        self._known_theme = self.theme
        if settings.keys:
            defaults = default_keys()
            wanted = {name: keys for name, keys in settings.keys.items() if name in defaults}
            problems += (
                settings.problem(f"keys.{name}", f"keys: there is nothing named {name}")
                for name in settings.keys
                if name not in defaults
            )
            self.set_keymap(keymap(wanted, defaults))
        return problems

    def report_problems(self, problems: list[Problem]) -> None:
        """Name what can't be used."""
        for problem in problems[:5]:
            words = fmt.clean(str(problem))
            self.notify(words, title="Settings", severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    def theme_chosen(self, name: str) -> None:
        """Somebody has chosen a theme: remember it. Writes on another thread."""
        path, pinned = self.settings.path, self.settings.theme
        if name == self._known_theme or path is None:
            return
        self._known_theme = name
        if pinned in self.available_themes:
            self.notify(f"{path.name} sets the theme {pinned}: the next dashboard uses that again.", markup=False)

        def write() -> None:
            try:
                remember_theme(path, name)
            except OSError as error:
                why = fmt.clean(str(error))
                self.call_from_thread(
                    self.notify, f"The theme is not remembered: {why}", severity="warning", markup=False
                )

        self.run_worker(write, thread=True, group="settings", name="theme")


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
    """The keymap for Textual that gives the wanted names their keys and leaves all others theirs.

    Textual drops a key altogether once one of the names that share it gets another, so those are named too.
    """
    found = {name: ",".join(key.strip() for key in keys.split(",")) for name, keys in wanted.items()}
    freed = {key for name in found for key in defaults.get(name, ())}
    taken = {key for keys in found.values() for key in keys.split(",")}
    for name, keys in defaults.items():
        if name not in found and freed.intersection(keys) and not taken.intersection(keys):
            found[name] = ",".join(keys)
    return found
