"""A pane in a file: all of it, through its filter, in little memory, under a name that is told."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dashboards import open_dashboard
from support.showing import NOON, FakeLines, hello_session, misbehaving_session

from sage_runtime.events import Output, Record
from sage_tui.dashboard.log.export import RunPart, matching, record_json, suggested_name, text_lines, write_lines
from sage_tui.dashboard.log.query import parse
from sage_tui.journal.lines import Line, LineQuery, lines_of


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


async def test_x_writes_every_line_of_the_pane_and_names_the_file(tmp_path: Path) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "x", "enter")
        await dashboard.app.workers.wait_for_complete()
        await dashboard.frame()
        written = tmp_path / "hello_service_world-output-run3.txt"
        lines = written.read_text().splitlines()
        assert lines[0] == "  PrintSink         HELLO, WORLD! #1"
        assert lines[-1] == "! UpperCaseMap      a warning on stderr"
        assert len(lines) == 120
        assert "Wrote 120 lines to" in dashboard.text()


async def test_only_what_the_filter_lets_through_is_written(tmp_path: Path) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "f", *"#5", "enter", "x", "enter")
        await dashboard.app.workers.wait_for_complete()
        (written,) = tmp_path.iterdir()
        assert [line[-2:] for line in written.read_text().splitlines()] == ["#5", *(f"{n}" for n in range(50, 60))]


async def test_a_name_that_asks_for_json_gets_the_events(tmp_path: Path) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("4", "x", "ctrl+u", *"calls.jsonl", "enter")
        await dashboard.app.workers.wait_for_complete()
        events = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
        assert [event["id"] for event in events] == list(range(1, 60))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Enter a name"),
        ("there.txt", "The file exists"),
        ("no/such.txt", "No such folder: no"),
        ("~us/x", "No such folder: ~us"),
        ("x" * 300, "Not a usable name"),
    ],
)
async def test_a_name_that_will_not_do_is_asked_for_again(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("mine")
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "x", "ctrl+u", *name, "enter")
        assert said in dashboard.text()
        await dashboard.press("escape")
        assert [found.name for found in tmp_path.iterdir()] == ["there.txt"]
        assert (tmp_path / "there.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (("2",), "UpperCaseMap"),
        (("6",), "invalid literal for int()"),
        (("1",), "◇ hello_service"),
        (("2", "down", "enter", "9"), "hello_service_world.py can't be read"),
    ],
)
async def test_every_pane_can_be_written(keys: tuple[str, ...], wanted: str, tmp_path: Path) -> None:
    async with open_dashboard(misbehaving_session()) as dashboard:
        await dashboard.press(*keys, "x", "enter")
        await dashboard.app.workers.wait_for_complete()
        (written,) = tmp_path.iterdir()
        assert wanted in written.read_text()


class ManyLines:
    """A channel of a million lines that are made when they are read."""

    def count(self) -> int:
        return 1_000_000

    def first(self) -> int:
        return 0

    def read(self, start: int, stop: int) -> list[Line]:
        event = Output(t=NOON, stream="stdout", source="Sink", text="x" * 100, end="\n")
        return [line for number in range(start, stop) for line in lines_of(event, number)]

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        return wanted.pick(self.read(start, stop))


def test_a_long_run_is_written_piece_by_piece(tmp_path: Path) -> None:
    parts = [RunPart("", ManyLines(), 50_000)]
    tracemalloc.start()
    count = write_lines(tmp_path / "out", text_lines(parts, (), lambda line: line.text), lambda: False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_000
    assert most < 2_000_000


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    write_lines(tmp_path / "out.txt", ["a line"], lambda: False)
    os.umask(before)
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o600


def test_somebody_who_leaves_does_not_wait_for_the_end_and_finds_no_part_of_a_file(tmp_path: Path) -> None:
    given: list[str] = []

    def lines() -> Iterator[str]:
        for line in text_lines([RunPart("", ManyLines(), 1_000_000)], (), lambda line: line.text):
            given.append(line)
            yield line

    assert write_lines(tmp_path / "out", lines(), lambda: True) is None
    assert len(given) == 512
    assert list(tmp_path.iterdir()) == []


def test_of_a_file_that_cannot_be_finished_nothing_is_left(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield "a line"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_lines(tmp_path / "out", lines(), lambda: False)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_written_in_pieces_is_one_line_and_is_searched_as_one() -> None:
    lines = FakeLines()
    for text, end in (("load", ""), ("ing ", ""), ("done", "\n"), ("10%", "\r"), ("90%", "\n"), ("open", "")):
        lines.add(Output(t=NOON, stream="stdout", source=None, text=text, end=end))
    part = RunPart("", lines, lines.count())
    assert [line.text for line in matching(part, ())] == ["loading done", "90%", "open"]
    query = parse("loading done")
    assert query is not None
    assert [line.text for line in matching(part, (query,))] == ["loading done"]


def test_the_runs_are_set_apart() -> None:
    first, second = FakeLines(), FakeLines()
    for lines in (first, second):
        lines.add(Output(t=NOON, stream="stdout", source=None, text="same", end="\n"))
    parts = [RunPart("", first, 1), RunPart("run 2", second, 1)]
    assert list(text_lines(parts, (), lambda line: line.text)) == ["same", "── run 2", "same"]


def test_a_name_that_is_taken_is_not_suggested() -> None:
    taken = {"a b-log-run2.txt", "a_b-log-run2.txt", "a_b-log-run2-2.txt"}
    assert suggested_name("dir/a b.py", "log", 2, taken.__contains__) == "a_b-log-run2-3.txt"


@pytest.mark.parametrize("script", ["流" * 84 + ".py", "x" * 250 + ".py", "é" * 126 + ".py"])
def test_the_name_for_a_script_with_a_very_long_one_is_short_enough(script: str) -> None:
    name = suggested_name(script, "service-methods", 1_000, lambda name: "-99." not in name)
    assert len(os.fsencode(name)) <= 255
    assert name.startswith(script[:50])
    assert "\ufffd" not in name


async def test_where_the_current_folder_is_gone_a_whole_path_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    async with open_dashboard(hello_session()) as dashboard:
        gone.rmdir()
        await dashboard.press("3", "x")
        assert "the current one was removed" in dashboard.text()
        await dashboard.press("ctrl+u", *"out.txt", "enter")
        assert "Not a usable name" in dashboard.text()
        monkeypatch.chdir(tmp_path)
        await dashboard.press("ctrl+u", *"out.txt", "enter")
        await dashboard.app.workers.wait_for_complete()
        assert (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("preview", "found"),
    [
        ("{'name': '林', 'tags': {'b', 'a'}, 'n': (1, 2.5, None, True)}", None),
        ("'just text'", '"just text"'),
        ("[1, 2, … 98 more]", '{"type":"record"'),
        ("Order(id=1)", '{"type":"record"'),
        ("{(1, 2): 3}", '{"type":"record"'),
    ],
)
def test_a_record_is_json_where_its_preview_is_a_value(preview: str, found: str | None) -> None:
    record = Record(t=NOON, pipeline="p", operator="o", port="in", preview=preview)
    text = record_json(record)
    if found is None:
        assert json.loads(text) == {"name": "林", "tags": ["a", "b"], "n": [1, 2.5, None, True]}
    else:
        assert text.startswith(found)
