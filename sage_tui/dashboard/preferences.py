"""What the settings file changes in the dashboard, and the theme that is remembered in a state file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sage_tui.dashboard.keymap import default_keys, keymap
from sage_tui.settings import Problem
from sage_tui.state import format as fmt

if TYPE_CHECKING:
    from sage_tui.settings import Settings

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


class Preferences:
    """A part of the app: takes the settings over, tells what can't be used, remembers the theme."""

    settings: Settings
    app: Any
    theme: Any
    _known_theme: str

    def take_settings(self) -> list[Problem]:
        """Set theme and keys; returns what in the file can't be used."""
        settings, problems = self.settings, list(self.settings.problems)
        remembered = remembered_theme(settings.path)
        if settings.theme is None and remembered in self.app.available_themes:
            self.theme = remembered
        elif settings.theme is not None:
            if settings.theme in self.app.available_themes:
                self.theme = settings.theme
            else:
                reason = f"there is no theme {settings.theme}; {self.theme} is used"
                problems.append(settings.problem("theme", reason))
        self._known_theme = self.theme
        if settings.keys:
            defaults = default_keys()
            wanted = {name: keys for name, keys in settings.keys.items() if name in defaults}
            problems += (
                settings.problem(f"keys.{name}", f"keys: there is nothing named {name}")
                for name in settings.keys
                if name not in defaults
            )
            self.app.set_keymap(keymap(wanted, defaults))
        return problems

    def tell_problems(self, problems: list[Problem]) -> None:
        """Name what can't be used."""
        for problem in problems[:5]:
            self.app.notify(
                fmt.clean(str(problem)),
                title="Settings",
                severity="warning",
                timeout=PROBLEM_SECONDS,
                markup=False,
            )

    def theme_chosen(self, name: str) -> None:
        """Somebody chose a theme: remember it. Writes on another thread."""
        path = self.settings.path
        if name == self._known_theme or path is None:
            return
        self._known_theme = name

        def write() -> None:
            try:
                remember_theme(path, name)
            except OSError as error:
                why = fmt.clean(str(error))
                self.app.call_from_thread(
                    self.app.notify, f"The theme is not remembered: {why}", severity="warning", markup=False
                )

        self.app.run_worker(write, thread=True, group="settings", name="theme")
