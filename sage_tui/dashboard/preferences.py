"""What the settings file changes in the dashboard, and the theme that is remembered in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sage_tui.dashboard.keymap import default_keys, keymap
from sage_tui.settings import Problem, remember_theme
from sage_tui.state import format as fmt

if TYPE_CHECKING:
    from sage_tui.settings import Settings

PROBLEM_SECONDS = 15.0


class Preferences:
    """A part of the app: takes the settings over, tells what can't be used, remembers the theme."""

    settings: Settings
    app: Any
    theme: Any
    _known_theme: str

    def take_settings(self) -> list[Problem]:
        """Set theme and keys; returns what in the file can't be used."""
        settings, problems = self.settings, list(self.settings.problems)
        if settings.theme is not None:
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
            except (OSError, ValueError) as error:
                why = fmt.clean(str(error))
                self.app.call_from_thread(
                    self.app.notify, f"The theme is not remembered: {why}", severity="warning", markup=False
                )

        self.app.run_worker(write, thread=True, group="settings", name="theme")
