"""What a command line means."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sage_tui import arguments, cli


def test_everything_after_the_file_is_the_scripts() -> None:
    call = arguments.parse(["--plain", "flow.py", "--json", "-x", "3", "--", "--help"])
    assert call.mode == "plain"
    assert call.file == Path("flow.py")
    assert call.arguments == ("--json", "-x", "3", "--", "--help")


def test_the_value_of_an_option_is_not_the_file() -> None:
    call = arguments.parse(["--python", "python3", "--watch", "a", "--watch=b", "flow.py", "--watch", "c"])
    assert call.python == "python3"
    assert call.watch == (Path("a"), Path("b"))
    assert call.arguments == ("--watch", "c")


def test_two_dashes_end_our_options() -> None:
    assert arguments.parse(["--plain", "--", "-odd-.py", "x"]).file == Path("-odd-.py")


def test_two_dashes_right_after_the_file_are_left_out() -> None:
    assert arguments.parse(["flow.py", "--", "--topic", "--"]).arguments == ("--topic", "--")


def test_without_options_the_streams_decide() -> None:
    call = arguments.parse(["flow.py"])
    assert (call.mode, call.reload, call.exit_on_finish, call.fail_on_error) == (None, True, False, False)


@pytest.mark.parametrize("argv", [[], ["--plain"], ["--plain", "--json", "f.py"], ["--pl", "f.py"], ["--record"]])
def test_wrong_usage_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        arguments.parse(argv)
    assert ending.value.code == 2
    assert "usage: sage-tui" in capsys.readouterr().err


def test_the_dashboard_opens_where_all_streams_are_terminals() -> None:
    everywhere = [True, True, True]
    assert cli.choose_mode(None, terminals=everywhere, ci=None, term="xterm") == "tui"
    assert cli.choose_mode(None, terminals=everywhere, ci="", term=None) == "tui"
    assert cli.choose_mode(None, terminals=everywhere, ci="true", term="xterm") == "plain"
    assert cli.choose_mode(None, terminals=everywhere, ci=None, term="dumb") == "plain"
    for missing in range(3):
        terminals = [at != missing for at in range(3)]
        assert cli.choose_mode(None, terminals=terminals, ci=None, term="xterm") == "plain"


def test_an_option_decides_over_the_streams() -> None:
    assert cli.choose_mode("json", terminals=[True] * 3, ci=None, term="xterm") == "json"
    assert cli.choose_mode("tui", terminals=[False] * 3, ci="1", term="dumb") == "tui"


def test_a_script_is_known_by_its_name_or_its_first_line(tmp_path: Path) -> None:
    def made(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    assert cli.is_script(made("a.py", ""))
    assert cli.is_script(made("a.pyc", ""))
    assert cli.is_script(made("tool", "#!/usr/bin/env python3\n"))
    assert not cli.is_script(made("notes.txt", "print(1)\n"))
    assert not cli.is_script(made("script.sh", "#!/bin/sh\n"))


def test_a_python_may_be_named_by_path_by_command_or_by_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.find_python(sys.executable) == sys.executable
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert cli.find_python("python") == str(tmp_path / "bin" / "python")
    assert cli.find_python(str(tmp_path)) == str(tmp_path / "bin" / "python")
    with pytest.raises(cli.UsageError, match="no Python"):
        cli.find_python(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nowhere.py"], "no such file: nowhere.py"),
        (["x" * 300 + ".py"], "can't be read: File name too long"),
        (["--watch", "x" * 300, "flow.py"], "can't be read: File name too long"),
        (["--record", "x" * 300, "flow.py"], "can't be written: File name too long"),
        (["--python", "x" * 300, "flow.py"], "is no Python"),
        (["loop.py"], "loop.py can't be read: Too many levels of symbolic links"),
        ([os.devnull], "neither a file nor a folder"),
        (["--watch", "nowhere", "flow.py"], "--watch: no such file or folder"),
        (["--record", "nowhere/run.sagerun", "flow.py"], "--record: no such folder"),
        (["--record", ".", "flow.py"], "--record: . is a folder"),
        (["--record", "pipe", "flow.py"], "--record: pipe is not a regular file"),
        (["--python", "./nothing", "flow.py"], "--python: ./nothing is no Python"),
        (["--tui", "flow.py"], "needs a terminal"),
        (["notes.txt"], "notes.txt is neither a Python script nor a recording"),
        (["."], ". is neither a Python script nor a recording"),
        (["--record", "x.sagerun", "."], "--record needs a script"),
    ],
)
def test_what_cannot_be_run_is_said_and_is_status_2(
    argv: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flow.py").write_text("")
    Path("notes.txt").write_text("a note\n")
    Path("loop.py").symlink_to("loop.py")
    os.mkfifo("pipe")
    with pytest.raises(SystemExit) as ending:
        cli.main(argv)
    assert ending.value.code == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.startswith("sage-tui: ")
    assert printed.out == ""


def test_a_current_folder_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flow.py").touch()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit) as ending:
        cli.main([str(tmp_path / "flow.py")])
    assert ending.value.code == 2
    assert "the current folder can't be used: No such file" in capsys.readouterr().err
