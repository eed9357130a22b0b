"""What the settings file changes in the dashboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.dashboards import Dashboard
from support.showing import hello_session

from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.base.theme import DARK
from sage_tui.dashboard.preferences import default_keys, keymap, remember_theme, remembered_theme
from sage_tui.settings import parse_settings


@asynccontextmanager
async def opened(tmp_path: Path, text: str) -> AsyncIterator[Dashboard]:
    """A dashboard whose user has this settings file."""
    path = tmp_path / "settings.toml"
    path.write_text(text)
    session = hello_session()
    app = SageApp(session, interval=0, settings=parse_settings(text, path))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        dashboard = Dashboard(app, pilot, session)
        await dashboard.settle()
        await dashboard.frame()
        yield dashboard


def told(dashboard: Dashboard) -> list[str]:
    return [notification.message for notification in dashboard.app._notifications]


async def test_the_theme_is_the_one_that_was_set(tmp_path: Path) -> None:
    async with opened(tmp_path, 'theme = "nord"') as dashboard:
        assert dashboard.app.theme == "nord"
        assert told(dashboard) == []


async def test_a_theme_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    async with opened(tmp_path, '# colours\ntheme = "mauve"') as dashboard:
        assert dashboard.app.theme == DARK.name
        assert told(dashboard) == [f"{tmp_path}/settings.toml:2: there is no theme mauve; sage-dark is used"]


async def choose(dashboard: Dashboard, theme: str) -> None:
    """Choose a theme, and wait until it is remembered."""
    dashboard.app.theme = theme
    await dashboard.settle()
    await dashboard.app.workers.wait_for_complete()
    await dashboard.settle()


async def test_a_chosen_theme_is_remembered_beside_the_settings_which_stay_as_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path, "refresh = 5\n") as dashboard:
        await choose(dashboard, "sage-light")
        assert told(dashboard) == []
    assert remembered_theme(tmp_path / "settings.toml") == "sage-light"
    assert (tmp_path / "settings.toml").read_text() == "refresh = 5\n"
    async with opened(tmp_path, "refresh = 5\n") as dashboard:
        assert dashboard.app.theme == "sage-light"


async def test_a_theme_in_the_settings_wins_over_the_remembered_one(tmp_path: Path) -> None:
    remember_theme(tmp_path / "settings.toml", "sage-light")
    async with opened(tmp_path, 'theme = "nord"') as dashboard:
        assert dashboard.app.theme == "nord"
        await choose(dashboard, "sage-clear")
        assert told(dashboard) == ["settings.toml sets the theme nord: the next dashboard uses that again."]


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"theme": 1}', '{"theme": "mauve"}', "\xff"])
async def test_a_state_file_that_says_nothing_useful_is_ignored(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text, encoding="latin-1")
    async with opened(tmp_path, "") as dashboard:
        assert dashboard.app.theme == DARK.name
        assert told(dashboard) == []


async def test_a_theme_that_can_not_be_remembered_is_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    async with opened(tmp_path, "") as dashboard:
        await choose(dashboard, "sage-light")
        assert any("The theme is not remembered" in message for message in told(dashboard))
        assert dashboard.app.theme == "sage-light"


async def test_a_key_can_be_another_one(tmp_path: Path) -> None:
    async with opened(tmp_path, '[keys]\n"run.reload" = "ctrl+r"\n"pane.zoom" = "f11,w"\n') as dashboard:
        await dashboard.press("r")
        await dashboard.app.workers.wait_for_complete()
        assert "reload" not in dashboard.session.done
        await dashboard.press("ctrl+r")
        await dashboard.app.workers.wait_for_complete()
        assert "reload" in dashboard.session.done
        await dashboard.press("w")
        assert dashboard.main.grid.zoomed
        await dashboard.press("f11")
        assert not dashboard.main.grid.zoomed


async def test_what_shares_a_key_with_another_keeps_it(tmp_path: Path) -> None:
    async with opened(tmp_path, '[keys]\n"run.pause" = "P"\n') as dashboard:
        dashboard.session.show(phase="paused")
        await dashboard.frame()
        await dashboard.press("p")
        assert type(dashboard.session.done[-1]).__name__ == "Resume"
        dashboard.session.show(phase="running")
        await dashboard.frame()
        await dashboard.press("P")
        assert type(dashboard.session.done[-1]).__name__ == "Pause"


async def test_names_of_keys_that_are_not_there_are_named(tmp_path: Path) -> None:
    async with opened(tmp_path, '[keys]\n"run.again" = "a"\n') as dashboard:
        assert told(dashboard) == [f"{tmp_path}/settings.toml:2: keys: there is nothing named run.again"]


@pytest.mark.parametrize("name", ["run.reload", "pane.search", "lines.last", "replay.play", "trace.follow", "quit"])
def test_everything_that_has_a_key_has_a_name(name: str) -> None:
    assert default_keys()[name]


def test_only_what_loses_its_key_by_accident_is_named_again() -> None:
    defaults = {"a": ("x",), "b": ("x", "y"), "c": ("z",), "d": ("n",)}
    assert keymap({"a": "n"}, defaults) == {"a": "n", "b": "x,y"}
    assert keymap({}, defaults) == {}
