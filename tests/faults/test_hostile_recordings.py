"""Recordings made to fill the memory, to take forever or to falsify counts."""

from __future__ import annotations

import copy
import itertools
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest
from support.recordings import archive, read_all, small_session
from support.waiting import SOON

from sage_runtime.events import MAX_LINE_BYTES, Output, encode
from sage_tui.journal import JournalError, open_recording
from sage_tui.journal import recording as archives
from sage_tui.journal.channel import read_lines
from sage_tui.journal.segments import encode_snapshot, segment_name
from sage_tui.state.run_state import RunState


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Fail what would take minutes or forever."""

    def give_up(signum: int, frame: object) -> NoReturn:
        raise AssertionError(f"not done in {SOON} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(SOON))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("count", ["1e999", "1e308", "9" * 30, "-1"])
def test_a_count_of_lines_that_cant_be_is_damage(tmp_path: Path, count: str) -> None:
    run = tmp_path / "run-1.sagerun"
    run.mkdir()
    head = f'{{"type":"snapshot","version":1,"seq":-1,"t":0,"lines":{{"output":{count}}},"state":{{}}}}\n'
    (run / "000001.jsonl").write_bytes(head.encode() + encode(Output(text="x", end="\n")))
    with pytest.raises(JournalError, match="damaged snapshot"):
        open_recording(tmp_path)


def test_a_bomb_of_many_segments_that_are_all_the_same_bytes_is_not_unpacked(tmp_path: Path) -> None:
    head = encode_snapshot({}, RunState(1).to_json(), -1, 0.0)
    path = archive(tmp_path, {"run-1.sagerun/000001.jsonl": head + bytes(2**20)})
    with zipfile.ZipFile(path, "a") as out:
        first = out.infolist()[0]
        for number in range(2, 50):
            again = copy.copy(first)
            again.filename = f"run-1.sagerun/{number:06d}.jsonl"
            out.filelist.append(again)
            out.NameToInfo[again.filename] = again
        out.comment = b"a directory that says the same of all of them"
    recording = open_recording(path)
    assert "lie upon one another" in recording.damage[0]
    assert recording.run(1).read_segment(2, 0, 100) == b""


def test_who_reads_the_beginning_of_a_segment_has_no_more_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = encode_snapshot({}, RunState(1).to_json(), -1, 0.0)
    segments = {f"run-1.sagerun/{number:06d}.jsonl": head + bytes(40 * 2**20) for number in range(1, 6)}
    unpacked: list[int] = []
    inflate = archives._inflate

    def noting(file: BinaryIO, member: archives.Member, size: int) -> bytes:
        unpacked.append(size)
        return inflate(file, member, size)

    monkeypatch.setattr(archives, "_inflate", noting)
    open_recording(archive(tmp_path, segments))
    assert len(unpacked) >= 5
    assert sum(size > archives.HEAD_BYTES for size in unpacked) == 1  # the last segment, which is shown


def test_what_never_ends_is_not_read_as_a_line(tmp_path: Path) -> None:
    run = tmp_path / "run-1.sagerun"
    run.mkdir()
    segment = run / "000001.jsonl"
    segment.write_bytes(encode_snapshot({}, RunState(1).to_json(), -1, 0.0))
    good = segment.stat().st_size
    with segment.open("r+b") as file:
        file.truncate(2**30)  # sparse: a gigabyte of NUL without a newline
    recording = open_recording(tmp_path)
    assert list(recording.run(1).events()) == []
    assert recording.damage[0].startswith(f"run-1.sagerun/000001.jsonl is damaged at byte {good}")
    pieces = itertools.islice(read_lines(lambda offset, size: bytes(size), 0), 2)
    assert all(len(piece) < 2 * MAX_LINE_BYTES for piece in pieces)


def test_a_pipe_in_the_place_of_a_segment_is_not_waited_for(tmp_path: Path) -> None:
    folder = small_session(tmp_path)
    second = folder / "run-1.sagerun" / segment_name(2)
    second.unlink()
    os.mkfifo(second)
    assert 0 < read_all(folder) < 60


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    return folder


def test_a_recording_that_still_unpacks_though_it_was_altered_says_so(tmp_path: Path, session: Path) -> None:
    path = tmp_path / "altered.sagerec"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        for file in sorted((small_session(session) / "run-1.sagerun").iterdir()):
            out.write(file, f"run-1.sagerun/{file.name}")
    whole = path.read_bytes()
    assert whole.count(b"line 17") == 1
    path.write_bytes(whole.replace(b"line 17", b"line 71"))
    recording = open_recording(path)
    lines = recording.run(1).lines("output")
    assert len(lines.read(0, 100)) == 60
    assert [text for text in recording.damage if "is not what was written" in text]


def test_a_whole_recording_is_what_was_written(tmp_path: Path, session: Path) -> None:
    path = tmp_path / "whole.sagerec"
    archives.pack(small_session(session), path)
    recording = open_recording(path)
    assert len(recording.run(1).lines("output").read(0, 100)) == 60
    assert recording.damage == ()


def test_a_recording_may_have_as_long_a_name_as_the_system_allows(tmp_path: Path, session: Path) -> None:
    path = tmp_path / ("n" * 247 + ".sagerec")
    archives.pack(small_session(session), path)
    assert read_all(path) == 60
