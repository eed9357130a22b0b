"""Plain output and JSON lines: bytes in, the same bytes out."""

from __future__ import annotations

import pytest
from support.streams import Pipe

from sage_runtime.events import Event, Log, Notice, Output, ReloadFailed, RunStarted, encode
from sage_tui.console.streams import DescriptorWriter, JsonLinesSink, OutputClosedError, PlainSink, script_bytes


def plain(*events: Event) -> tuple[bytes, bytes]:
    """What plain output writes on stdout and stderr."""
    out, err = Pipe(), Pipe()
    with DescriptorWriter(out.writing) as stdout, DescriptorWriter(err.writing) as stderr:
        sink = PlainSink(stdout, stderr)
        for event in events:
            sink(encode(event), event)
    try:
        return out.written(), err.written()
    finally:
        out.close()
        err.close()


def test_text_and_end_are_the_bytes() -> None:
    assert plain(
        Output(text="one"), Output(text="two\nthree", end=""), Output(text="", end="\r"), Output(text="四")
    ) == (b"one\ntwo\nthree\r\xe5\x9b\x9b\n", b"")


def test_each_stream_gets_its_own() -> None:
    assert plain(Output(text="a"), Output(text="b", stream="stderr"), Output(text="c")) == (b"a\nc\n", b"b\n")


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    text = b"\xff\xfe caf\xe9 \x00\x1b[2J".decode("utf-8", "surrogateescape")
    assert script_bytes(Output(text=text, end="")) == b"\xff\xfe caf\xe9 \x00\x1b[2J"


def test_surrogates_that_stand_for_no_byte_are_shown() -> None:
    assert script_bytes(Output(text="\ud800", end="")) == b"\\ud800"


def test_only_output_is_written() -> None:
    assert plain(RunStarted(reason="start"), Log(message="a log line")) == (b"", b"")


def test_reloads_are_told_on_stderr() -> None:
    out, err = plain(
        ReloadFailed(file="flow.py", line=3, message="invalid syntax"),
        RunStarted(run=2, reason="reload", changed=("flow.py", "parts.py")),
    )
    assert out == b""
    assert err == (b"sage-tui: not reloaded, flow.py:3: invalid syntax\nsage-tui: run 2, changed: flow.py, parts.py\n")


def test_warnings_are_told_on_stderr_as_they_come() -> None:
    assert plain(Notice(level="warning", message="it waits"), Notice(message="by the way")) == (
        b"",
        b"sage-tui: it waits\n",
    )


def test_names_of_files_cannot_steer_the_terminal() -> None:
    _, err = plain(
        ReloadFailed(file="\x1b]0;title\x07.py", line=1, message="two\nlines \udcff"),
        RunStarted(run=2, reason="reload", changed=("\x1b[2J.py", "\udcff\n.py")),
    )
    assert err.count(b"\n") == 2
    assert b"\x1b" not in err
    assert b"\x07" not in err


def test_a_closed_stdout_is_raised_and_a_closed_stderr_is_not() -> None:
    out, err = Pipe(), Pipe()
    out.close_reading()
    err.close_reading()
    with DescriptorWriter(out.writing) as stdout, DescriptorWriter(err.writing) as stderr:
        sink = PlainSink(stdout, stderr)
        lost = Output(text="lost", stream="stderr")
        sink(encode(lost), lost)
        printed = Output(text="printed")
        with pytest.raises(OutputClosedError):
            sink(encode(printed), printed)
    out.close()
    err.close()


def test_json_lines_are_the_lines_as_they_came() -> None:
    out = Pipe()
    lines = [b'{"type":"from_the_future","x" : 1}\n', encode(Output(text="hi"))]
    with DescriptorWriter(out.writing) as stdout:
        sink = JsonLinesSink(stdout)
        sink(lines[0], Output())
        sink(lines[1], Output())
    assert out.written() == b"".join(lines)
    out.close()
