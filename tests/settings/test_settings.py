"""The settings file: what it may say, and what is said about what it may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sage_tui.settings import LONGEST_FILE, Settings, parse_settings, read_settings

PATH = Path("/home/you/.config/sage-tui/settings.toml")


def problems(text: str) -> list[str]:
    return [str(problem).removeprefix(f"{PATH.parent}/") for problem in parse_settings(text, PATH).problems]


def test_everything_that_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    text = """
theme = "nord"
refresh = 4
watch = ["shared"]
journal-limit = "500 MB"

[keys]
"run.reload" = "ctrl+r"
"pane.zoom" = "z, f11"
"""
    found = parse_settings(text, tmp_path / "settings.toml")
    assert found.problems == ()
    assert (found.theme, found.refresh, found.journal_limit) == ("nord", 4.0, 500_000_000)
    assert found.watch == (tmp_path / "shared",)
    assert found.keys == {"run.reload": "ctrl+r", "pane.zoom": "z, f11"}


def test_without_a_file_the_defaults_are_used(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none.toml") == Settings(tmp_path / "none.toml")


def test_what_is_no_toml_is_named_with_its_line_and_reason() -> None:
    (problem,) = problems('theme = "nord"\nrefresh = = 3\n')
    assert problem == "settings.toml:2: not TOML: Invalid value; the defaults are used"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nrefresh = 0", "settings.toml:2: refresh is not a number between 1 and 30; 10 is used"),
        ("refresh = true", "settings.toml:1: refresh is not a number between 1 and 30; 10 is used"),
        ("refresh = nan", "settings.toml:1: refresh is not a number between 1 and 30; 10 is used"),
        ("theme = 3", "settings.toml:1: theme is not the name of a theme; the usual one is used"),
        ('watch = "x"', "settings.toml:1: watch is not a list of paths; none is used"),
        ('watch = ["~nobody-here/x"]', "settings.toml:1: watch: no such file or folder: "),
        (f'watch = ["{"x" * 5000}"]', "settings.toml:1: watch: no such file or folder: "),
        ('watch = ["/no/such"]', "settings.toml:1: watch: no such file or folder: /no/such"),
        ('journal-limit = "big"', 'settings.toml:1: journal-limit is no size of 16 MiB at least, such as "500 MB"'),
        ("journal-limit = inf", "settings.toml:1: journal-limit is no size"),
        ("keys = 1", "settings.toml:1: keys is not a table of names and keys"),
        ("colour = 1", "settings.toml:1: unknown setting colour; there are theme, refresh,"),
        ('[keys]\n\n"run.reload" = 3', "settings.toml:3: keys: run.reload is not a key"),
        ('[keys]\n"run.reload" = "a,,b"', "settings.toml:2: keys: run.reload is not a key"),
        ('[keys]\n"run.reload" = "app.quit()"', "settings.toml:2: keys: run.reload is not a key"),
    ],
)
def test_what_can_not_be_used_is_named_and_its_default_is_used(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(said)
    found = parse_settings(text, PATH)
    usual = Settings(PATH)
    assert (found.theme, found.refresh, found.watch, found.journal_limit, found.keys) == (
        usual.theme,
        usual.refresh,
        usual.watch,
        usual.journal_limit,
        usual.keys,
    )


def test_one_mistake_leaves_the_rest_as_it_was_meant() -> None:
    found = parse_settings('refresh = 99\ntheme = "nord"\n[keys]\na = 1\nb = 2\nc = "x"\n', PATH)
    assert (found.theme, found.keys) == ("nord", {"c": "x"})
    assert [problem.line for problem in found.problems] == [1, 4, 5]


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    (problem,) = read_settings(tmp_path / "settings.toml").problems
    assert "can't be read: it is no file" in str(problem)
    (tmp_path / "other.toml").write_bytes(b"\xff\xfe")
    (problem,) = read_settings(tmp_path / "other.toml").problems
    assert "not UTF-8" in str(problem)
    (tmp_path / "long.toml").write_text("#" * (LONGEST_FILE + 1))
    (problem,) = read_settings(tmp_path / "long.toml").problems
    assert "can't be read: it is longer than 64 KiB" in str(problem)


def test_a_pipe_or_a_device_in_the_place_of_the_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "zero.toml"):
        (problem,) = read_settings(tmp_path / name).problems
        assert "can't be read: it is no file" in str(problem)


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "a = " + "{b = " * 3000 + "1" + "}" * 3000, "a = " + "9" * 5000],
    ids=["lists", "tables", "a number"],
)
def test_what_is_nested_or_long_beyond_measure_is_named(text: str, tmp_path: Path) -> None:
    (problem,) = problems(text)
    assert problem.startswith("settings.toml: not TOML: ")


def test_the_mark_that_some_editors_begin_a_file_with_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b'\xef\xbb\xbftheme = "nord"\r\n')
    assert read_settings(path) == parse_settings('theme = "nord"\n', path)
