"""docs/settings.md names every key that can be changed, and no other."""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding
from textual.keys import format_key

from sage_tui.dashboard import app as _every_widget  # noqa: F401  (their bindings are found once they are imported)
from sage_tui.dashboard.preferences import named_bindings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def shown(key: str) -> str:
    """A key as people name it: `?`, `enter`, `shift+tab`."""
    display = format_key(key)
    return display if len(display) == 1 and not display.isalnum() and display.isascii() else key


def table() -> list[str]:
    """The rows that the page should have."""
    rows: dict[str, tuple[list[str], Binding]] = {}
    for binding in named_bindings():
        assert binding.id is not None
        keys, _ = rows.setdefault(binding.id, ([], binding))
        if shown(binding.key) not in keys:
            keys.append(shown(binding.key))
    return [
        f"| `{name}` | {' '.join(f'`{key}`' for key in keys)} | {binding.tooltip or binding.description} |"
        for name, (keys, binding) in sorted(rows.items())
    ]


def test_the_page_on_settings_has_a_row_for_each_name() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == table()
