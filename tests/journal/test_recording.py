"""Recordings: packed, opened, hostile and damaged."""

from __future__ import annotations

import os
import random
import stat
import zipfile
from pathlib import Path

import pytest
from support.recorder import Recorder

import sage_tui.journal.recording as archive_module
from sage_runtime.events import Output, RunFinished, RunStarted
from sage_tui.journal import JournalError, RecordingError, is_recording, open_recording, pack
from sage_tui.journal.marker import is_live, read_marker, write_marker


@pytest.fixture
def session_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "session_20260101_000000"
    folder.mkdir()
    (folder / "sage-tui.json").write_text('{"made_by":"sage-tui"}')
    for run in (1, 2):
        recorder = Recorder(folder / f"run-{run}.sagerun", segment_bytes=5000, run=run)
        recorder.write(RunStarted(script="s.py"))
        for i in range(200):
            recorder.write(Output(text=f"run {run} line {i}"))
        recorder.write(RunFinished(status="finished", exit_code=0))
        recorder.writer.close()
    return folder


def lines(path: Path, run: int) -> list[str]:
    source = open_recording(path).run(run).lines("output")
    return [line.text for line in source.read(0, source.count())]


def expected(run: int, count: int = 200) -> list[str]:
    return [f"run {run} line {i}" for i in range(count)]


def test_a_packed_session_reads_as_its_folder_does(session_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.sagerun"
    pack(session_folder, file)
    for path in (session_folder, file):
        recording = open_recording(path)
        assert recording.runs == (1, 2)
        assert not recording.live()
        assert recording.damage == ()
        assert lines(path, 1) == expected(1)
        assert lines(path, 2) == expected(2)
        assert recording.run(2).state().phase == "finished"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert is_recording(file)
    assert is_recording(session_folder)
    assert file.stat().st_size < sum(path.stat().st_size for path in session_folder.rglob("*.jsonl"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_folder_of_one_run_is_a_recording(session_folder: Path) -> None:
    recording = open_recording(session_folder / "run-2.sagerun")
    assert recording.runs == (2,)
    assert lines(session_folder / "run-2.sagerun", 2) == expected(2)


def test_packing_replaces_the_file_only_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "old.sagerun"
    file.write_text("old")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError):
        pack(tmp_path / "empty", file)
    assert file.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"print('hello')\n", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.sagerun"
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=r"x\.sagerun"):
        open_recording(file)


def test_what_is_missing_or_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RecordingError):
            open_recording(path)


def test_of_a_cut_off_file_what_comes_before_can_be_read(session_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.sagerun"
    pack(session_folder, file)
    data = file.read_bytes()
    cut = tmp_path / "cut.sagerun"
    cut.write_bytes(data[: len(data) * 2 // 3])
    recording = open_recording(cut)
    assert recording.runs == (1, 2)
    assert lines(cut, 1) == expected(1)
    found = lines(cut, 2)
    assert found == expected(2)[: len(found)]
    assert any("incomplete" in text for text in recording.damage)


def test_damaged_bytes_never_raise_anything_else(session_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.sagerun"
    pack(session_folder, file)
    data = file.read_bytes()
    dice = random.Random(11)
    for _ in range(60):
        broken = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        del broken[dice.randrange(len(broken) // 2, len(broken)) :]
        file.write_bytes(broken)
        try:
            recording = open_recording(file)
            for run in recording.runs:
                reader = recording.run(run)
                reader.lines("output").read(0, 1000)
                list(reader.events())
                reader.state()
        except JournalError:
            continue


def test_names_that_leave_the_archive_are_ignored(session_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "evil.sagerun"
    pack(session_folder, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../../run-3.sagerun/000001.jsonl", "x")
        archive.writestr("/etc/run-4.sagerun/000001.jsonl", "x")
        archive.writestr("run-5.sagerun/../../000001.jsonl", "x")
        archive.writestr("run-6.sagerun/evil.py", "print('boo')")
    assert open_recording(file).runs == (1, 2)


def test_a_bomb_is_not_unpacked(session_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_SEGMENT_BYTES", 1024 * 1024)
    file = tmp_path / "bomb.sagerun"
    pack(session_folder, file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run-3.sagerun/000001.jsonl", bytes(2 * 1024 * 1024))
    recording = open_recording(file)
    assert recording.runs == (1, 2)
    assert any("run-3" in text for text in recording.damage)


def test_the_marker_tells_whose_a_folder_is_and_whether_it_lives(tmp_path: Path) -> None:
    assert read_marker(tmp_path) is None
    assert not is_live(tmp_path)
    lock = write_marker(tmp_path, {"script": "s.py"})
    marker = read_marker(tmp_path)
    assert marker is not None
    assert marker["script"] == "s.py"
    assert is_live(tmp_path)
    os.close(lock)
    assert not is_live(tmp_path)
