"""Every key of the real command, pressed in a real terminal: what comes of it can be seen."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from support.command import COMMAND, is_stopped, nothing_left, processes
from support.recorder import Recorder
from support.scripts import ORDERS, SHOP, written
from support.terminal import Terminal, Then, hides, matches, sets_off, shows
from support.walking import Step, copies, do, lacks, press, type_in, walk, writes
from textual.keys import format_key

from sage_runtime.events import (
    EdgeInfo,
    Failure,
    OperatorInfo,
    Output,
    PipelineSubmitted,
    RunFinished,
    RunStarted,
    RunStateChanged,
)
from sage_tui.dashboard import app as _every_widget  # noqa: F401  (their bindings are found once they are imported)
from sage_tui.dashboard.preferences import named_bindings

SIZE = (120, 40)

SSH = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "TMUX": "", "STY": ""}
"""With these, what is copied goes to the terminal."""

# --- the main screen --------------------------------------------------------------------------------------------------

ASKED = matches(r"^ \? your name\?")

ARRIVED = shows("order 61 with", "✗ 6 failed", " 61 ")

BEGINNING = [
    do("wait for the question", lambda terminal: None, ASKED),
    press("prompt.end", "ctrl+d", ~ASKED & ARRIVED),
    press("run.reload", "r", shows("run 2") & ASKED),
    type_in("Ada", ~ASKED & ARRIVED & matches(r"vs #1 ") & matches(r"● Orders +0 +61")),
]

OPERATORS = sets_off("^▌● Orders") & hides("/ Search")

PANES = [
    press("pane.log", "5", shows("pricing order 59")),
    press("pane.failures", "6", shows("ValueError: no price")),
    press("pane.calls", "4", shows("service.method", "Price → shop.price")),
    press("calls.switch", "t", sets_off("^▌◇ shop")),
    press("pane.calls", "4", lacks("▌◇ shop")),
    press("pane.operators", "2", OPERATORS),
    press("pane.next", "tab", lacks("▌● Orders") & shows("/ Search")),
    press("pane.previous", "shift+tab", OPERATORS),
    press("pane.output", "3", shows("/ Search")),
    press("pane.zoom", "z", hides("Pipeline")),
    press("pane.zoom", "z", shows("1 Pipeline")),
]

GRAPH = [
    press("pane.pipeline", "1", hides("/ Search")),
    press("graph.right", "right", sets_off("^Orders$")),
    press("graph.right", "l", sets_off("^Price$")),
    press("graph.down", "down", sets_off("^shop$")),
    press("graph.up", "up", sets_off("^Price$")),
    press("graph.down", "j", sets_off("^shop$")),
    press("graph.up", "k", sets_off("^Price$")),
    press("graph.left", "left", sets_off("^Orders$")),
    press("graph.right", "right", sets_off("^Price$")),
    press("graph.left", "h", sets_off("^Orders$")),
    press("graph.open", "enter", shows("1 Orders", "9 Source")),
    press("deck.back", "escape", shows("1 Pipeline")),
]

TABLE = [
    press("pane.operators", "2", OPERATORS),
    press("table.down", "down", sets_off("^▌● Price")),
    press("table.up", "up", sets_off("^▌● Orders")),
    press("table.down", "j", sets_off("^▌● Price")),
    press("table.up", "k", sets_off("^▌● Orders")),
    press("table.last", "end", sets_off("^▌● Show")),
    press("table.first", "home", sets_off("^▌● Orders")),
    press("table.last", "G", sets_off("^▌● Show")),
    press("table.first", "g", sets_off("^▌● Orders")),
    press("table.page_down", "pagedown", sets_off("^▌● Show")),
    press("table.page_up", "pageup", sets_off("^▌● Orders")),
]

LAST = sets_off("order 61 with")
END = hides("hello nobody", "following") & shows("order 59 costs") & matches("Show +order 61")
SOME = sets_off(r"^Show\s+order")

LINES = [
    press("pane.output", "3", shows("/ Search")),
    press("lines.up", "up", sets_off("order 59 costs")),
    press("lines.down", "down", LAST),
    press("lines.up", "k", sets_off("order 59 costs")),
    press("lines.down", "j", LAST),
    press("lines.page_up", "pageup", SOME & ~LAST & ~sets_off("order (5|60)")),
    press("lines.page_down", "pagedown", LAST),
    press("lines.last", "end", ~LAST & hides("following")),
    press("lines.first", "home", sets_off("hello nobody")),
    press("lines.last", "G", END),
    press("lines.first", "g", sets_off("hello nobody")),
    press("lines.last", "end", END),
    press("lines.right", "right", hides("order 59 costs")),
    press("lines.left", "left", shows("order 59 costs")),
]

DETAIL = [
    press("lines.open", "enter", shows("─ Line ─")),
    press("detail.down", "down", lacks("│ +time +[0-9]")),
    press("detail.down", "j", lacks("│ +source +Show")),
    press("detail.up", "k", matches("│ +source +Show")),
    press("detail.up", "up", matches("│ +time +[0-9]")),
    press("detail.copy", "y", copies("with 399 with 400")),
    press("detail.close", "escape", hides("─ Line ─")),
    press("lines.open", "enter", shows("─ Line ─")),
    press("detail.close", "q", hides("─ Line ─")),
    press("lines.open", "enter", shows("─ Line ─")),
    press("detail.close", "enter", hides("─ Line ─")),
]

NEWEST = matches(r"/costs 8: (\d+) of \1\b")


def finding(folder: Path) -> list[Step]:
    """Search, filter, copy and export."""
    file = folder / "shop-output-run2.txt"
    return [
        press("pane.search", "/", shows("text, or re:")),
        press("finder.cancel", "escape", hides("text, or re:")),
        press("pane.search", "/", shows("text, or re:")),
        type_in("costs 8", NEWEST),
        press("lines.older_match", "n", matches(r"/costs 8: \d+ of") & ~NEWEST),
        press("lines.newer_match", "N", NEWEST),
        press("pane.clear", "escape", hides("/costs 8")),
        press("pane.copy", "y", copies("^order 59 costs 8$")),
        press("pane.json", "Y", copies(r'^\{.*"text": ?"order 59 costs 8')),
        press("pane.filter", "f", shows("level:warning")),
        type_in("order 5", shows("filter order 5:", "order 59 costs") & hides("order 49 costs")),
        press("pane.clear", "escape", shows("order 49 costs") & hides("filter order")),
        press("pane.export", "x", shows("Export Output")),
        press("export.cancel", "escape", hides("Export Output")),
        press("pane.export", "x", shows("Export Output")),
        do("enter", lambda terminal: terminal.press("enter"), writes(file, "order 59 costs 8")),
    ]


def kept(number: int) -> Then:
    """The box of failures shows this one of the six."""
    return shows(f"sample {number} of 6")


FAILURES = [
    press("pane.failures", "6", sets_off("^▌ +6 +Price")),
    press("table.open", "enter", kept(6)),
    press("failure.previous", "left", kept(5)),
    press("failure.previous", "p", kept(4)),
    press("failure.next", "right", kept(5)),
    press("failure.next", "n", kept(6)),
    press("detail.close", "escape", hides("sample")),
]

APP = [
    press("display.hold", "space", shows("DISPLAY FROZEN")),
    press("display.follow", "space", hides("DISPLAY FROZEN")),
    *(
        step
        for key in ("escape", "q", "?", "enter")
        for step in (
            press("help", "?", shows("stop and quit")),
            press("help.close", key, hides("stop and quit")),
        )
    ),
    press("commands", "ctrl+p", shows("pause the sources")),
    do("escape", lambda terminal: terminal.press("escape"), hides("pause the sources")),
]

# --- the screens over it ----------------------------------------------------------------------------------------------

SERVICE = [
    press("pane.log", "5", shows("pricing order 59")),
    press("pane.calls", "4", shows("Price → shop.price")),
    press("calls.switch", "t", sets_off("^▌◇ shop")),
    press("table.open", "enter", shows("1 ◇ shop", "2 Callers")),
    press("calls.order", "o", matches(r"· by \w+")),
    press("deck.back", "escape", shows("1 Pipeline")),
    press("calls.slowest", "o", shows("1 ◇ shop", "by took")),
    press("deck.back", "escape", shows("1 Pipeline")),
]


def deck(orders: Callable[[int], Step]) -> list[Step]:
    """An operator's panes."""
    return [
        press("pane.operators", "2", OPERATORS),
        press("table.down", "down", sets_off("^▌● Price")),
        press("table.open", "enter", shows("1 Price", "9 Source")),
        press("deck.pane_2", "2", sets_off("^▌● 0 ")),
        press("deck.pane_3", "3", shows("1 minute")),
        press("charts.span", "w", shows("5 minutes")),
        press("deck.pane_1", "1", shows("busy ")),
        orders(62),
        press("deck.pane_5", "5", shows("'price': 8")),
        press("deck.pane_4", "4", hides("'price': 8")),
        press("deck.pane_7", "7", shows("pricing order 59")),
        press("deck.pane_8", "8", shows("ValueError: no price")),
        press("deck.pane_6", "6", shows("has printed nothing")),
        press("deck.next", "tab", shows("pricing order 59")),
        press("deck.previous", "shift+tab", shows("has printed nothing")),
        press("deck.zoom", "z", hides("4 In")),
        press("deck.zoom", "z", shows("4 In")),
        press("deck.pane_9", "9", shows("class Price(MapFunction)")),
    ]


TOP = shows("class Price(MapFunction)")

TEXT = [
    press("text.down", "down", ~TOP),
    press("text.up", "up", TOP),
    press("text.down", "j", ~TOP),
    press("text.up", "k", TOP),
    press("text.page_down", "pagedown", ~TOP & shows("note 20") & ~shows("note 05")),
    press("text.page_up", "pageup", TOP),
    press("text.last", "end", shows("raise ValueError")),
    press("text.first", "home", TOP),
    press("text.last", "G", shows("raise ValueError")),
    press("text.first", "g", TOP),
    press("text.right", "right", ~TOP),
    press("text.left", "left", TOP),
    press("source.edit", "e", shows("opened +")),
    do("close the editor", lambda terminal: terminal.press("enter"), hides("opened +")),
    press("deck.back", "escape", shows("1 Pipeline")),
]


def traces(orders: Callable[[int], Step]) -> list[Step]:
    """Traced records, pause and step."""
    return [
        press("trace.follow", "t", shows("No traced record")),
        press("run.pause", "p", shows("PAUSED")),
        orders(63),
        press("run.resume", "p", shows("RUNNING", "'order 63'")),
        press("trace.another", "t", shows("'order 64'"), act=following("t", orders(64))),
        press("trace.earlier", "left", sets_off("^#1 .*'order 63'")),
        press("trace.later", "right", sets_off("^#2 .*'order 64'")),
        press("deck.back", "escape", shows("1 Pipeline")),
        press("pane.calls", "4", hides("enter Open")),
        press("trace.follow", "T", shows("1 Traced", "'order 64'")),
        press("run.pause", "p", shows("PAUSED")),
        orders(65),
        press("run.step", "s", shows("'order 65'")),
        press("run.resume", "p", shows("RUNNING")),
        press("deck.back", "escape", shows("1 Pipeline")),
    ]


def following(key: str, order: Step) -> Callable[[Terminal], None]:
    """Press a key that follows the next record, and have that come once the worker knows it."""

    def act(terminal: Terminal) -> None:
        terminal.press(key, "p")
        terminal.wait_for("PAUSED")  # what is told before that has been heard
        order.act(terminal)
        terminal.press("p")

    return act


PAST = [
    press("charts", "c", shows("2 Series", "1 minute")),
    press("charts.span", "w", shows("5 minutes")),
    press("deck.back", "escape", shows("1 Pipeline")),
    press("runs", "v", sets_off("^▌ +2 +v") & matches("◆ 1")),
    press("runs.mark", "m", matches("◆ 2")),
    press("deck.back", "escape", shows("1 Pipeline")),
]


def ending(script: Path) -> list[Step]:
    """Suspend and quit."""

    def stopped(_: Terminal) -> bool:
        return all(map(is_stopped, processes(script)))

    return [
        press("suspend", "ctrl+z", Then("stops all its processes", stopped)),
        do("SIGCONT", lambda terminal: os.kill(terminal.process.pid, signal.SIGCONT), ~Then("stands", stopped)),
        press("quit", "q", Then("ends", lambda terminal: terminal.process.poll() == 0)),
    ]


def live(folder: Path) -> list[Step]:
    """All steps of the walk through a live run."""

    def orders(number: int) -> Step:
        def add(_: Terminal) -> None:
            with (folder / "orders.txt").open("a") as file:
                file.write(f"order {number}\n")

        return do(f"order {number}", add, writes(folder / "orders.txt", f"order {number}\n"))

    return [
        *BEGINNING,
        *PANES,
        *GRAPH,
        *TABLE,
        *LINES,
        *DETAIL,
        *finding(folder),
        *FAILURES,
        *APP,
        *SERVICE,
        *deck(orders),
        *TEXT,
        *traces(orders),
        *PAST,
        *ending(folder / "shop.py"),
    ]


def test_every_key_of_a_live_run(tmp_path: Path) -> None:
    script = written(tmp_path, "shop.py", SHOP)
    (tmp_path / "orders.txt").write_text(ORDERS)
    editor = written(tmp_path, "editor", '#!/bin/sh\necho "opened $*"\nread answer\n')
    editor.chmod(0o755)
    with Terminal(*COMMAND, script, size=SIZE, cwd=tmp_path, VISUAL="", EDITOR=str(editor), **SSH) as terminal:
        walk(terminal, live(tmp_path))
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}
        nothing_left(script)


# --- a replay ---------------------------------------------------------------------------------------------------------

REPLAY = [
    do("wait for the end", lambda terminal: None, matches("^ ▶ +01:00 .*run 2 of 2")),
    press("replay.start", "0", matches("^ ▶ +00:00 ")),
    press("replay.forward", "]", matches("^ ▶ +00:01 ")),
    press("replay.back", "[", matches("^ ▶ +00:00 ")),
    press("replay.failure_next", ".", matches("^ ▶ +00:20 ")),
    press("replay.end", "$", matches("^ ▶ +01:00 ")),
    press("replay.failure_before", ",", matches("^ ▶ +00:40 ")),
    press("replay.faster", ">", shows("2×")),
    press("replay.slower", "<", shows("1×")),
    press("replay.play", "space", matches("^ ‖ ")),
    press("replay.hold", "space", matches("^ ▶ ")),
    press("replay.run_before", "{", shows("run 1 of 2", "first run, line")),
    press("replay.run_next", "}", shows("run 2 of 2")),
    press("quit", "q", Then("ends", lambda terminal: terminal.process.poll() == 0)),
]


def recorded(folder: Path) -> Path:
    """The folder of a session with two runs of a minute, each of which failed after twenty and after forty seconds."""
    folder.mkdir()
    for run, name in ((1, "first run"), (2, "second run")):
        recorder = Recorder(folder / f"run-{run}.sagerun", run=run)
        graph = PipelineSubmitted(
            pipeline="p",
            operators=(OperatorInfo("Source", kind="source"), OperatorInfo("Sink", kind="sink")),
            edges=(EdgeInfo("e", "Source", "Sink"),),
        )
        recorder.write(RunStarted(script="s.py"), RunStateChanged(state="running"), graph)
        for second in range(1, 60):
            recorder.paused = float(second)
            recorder.write(Output(text=f"{name}, line {second}", source="Sink"))
            if second in (20, 40):
                recorder.write(Failure(pipeline="p", source="Sink", exception="ValueError"))
        recorder.paused = 60.0
        recorder.write(RunFinished(status="finished"))
        recorder.writer.close()
    return folder


def test_every_key_of_a_replay(tmp_path: Path) -> None:
    with Terminal(*COMMAND, recorded(tmp_path / "session"), size=SIZE, cwd=tmp_path) as terminal:
        walk(terminal, REPLAY)
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}


# --- all of them ------------------------------------------------------------------------------------------------------


def shown(key: str) -> str:
    """A key as it is pressed here: `?`, `enter`, `shift+tab`."""
    display = format_key(key)
    return display if len(display) == 1 and not display.isalnum() and display.isascii() else key


def test_no_key_of_the_dashboard_is_left_out(tmp_path: Path) -> None:
    pressed = {(step.name, step.key) for step in (*live(tmp_path), *REPLAY) if step.name}
    assert pressed == {(binding.id, shown(binding.key)) for binding in named_bindings()}
