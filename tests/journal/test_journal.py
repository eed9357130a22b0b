"""Journals: what was appended can be read, anywhere, also when it is long, cut off or damaged."""

from __future__ import annotations

import errno
import gc
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.recorder import Recorder

from sage_runtime.events import (
    Event,
    Failure,
    Log,
    Message,
    OperatorStats,
    Output,
    PipelineSubmitted,
    RunFinished,
    RunStarted,
    ServiceCall,
    decode,
    encode,
)
from sage_tui.journal import JournalError, JournalReader, channel
from sage_tui.journal.segments import BLOCK_LINES, SegmentFile, SegmentFolder, SegmentIndex, segment_name
from sage_tui.state.run_state import RunState


def story(count: int) -> Iterator[Event]:
    """Events of many kinds, with output of one and of several lines."""
    dice = random.Random(7)
    yield RunStarted(script="s.py")
    yield PipelineSubmitted(pipeline="p", name="p")
    for i in range(count):
        yield Output(text=f"line {i}", source="Sink", pipeline="p")
        if i % 10 == 0:
            yield OperatorStats(pipeline="p", operator="Sink", records_in=i)
        if i % 17 == 0:
            yield Output(text="\n".join(f"{i}.{j}" for j in range(dice.randrange(1, 300))), stream="stderr")
        if i % 50 == 0:
            yield Log(message=f"log {i}", level="WARNING")
        if i % 300 == 0:
            yield Failure(pipeline="p", source="Sink", group="g", exception="ValueError", message=f"{i}")
            yield ServiceCall(id=i, pipeline="p", service="s", method="m", caller="Sink", result="1")


def all_lines(events: list[Event]) -> list[str]:
    return [line for event in events if isinstance(event, Output) for line in event.text.split("\n")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run-1.sagerun"


def test_every_line_of_every_channel_is_read_back_while_writing_and_later(folder: Path) -> None:
    recorder = Recorder(folder, segment_bytes=40_000)
    events = list(story(3000))
    for start in range(0, len(events), 37):
        recorder.write(*events[start : start + 37])
    expected = all_lines(events)
    assert len(list(folder.iterdir())) > 5
    for source in (recorder.writer.lines("output"), JournalReader(SegmentFolder(folder)).lines("output")):
        assert source.count() == len(expected)
        assert source.first() == 0
        assert [line.text for line in source.read(0, source.count())] == expected
        dice = random.Random(3)
        for _ in range(200):
            start = dice.randrange(len(expected))
            stop = min(len(expected), start + dice.randrange(60))
            lines = source.read(start, stop)
            assert [line.text for line in lines] == expected[start:stop]
            assert [line.number for line in lines] == list(range(start, stop))
    recorder.writer.close()
    assert [line.text for line in recorder.writer.lines("output").read(5, 8)] == expected[5:8]
    reader = JournalReader(SegmentFolder(folder))
    assert [line.text for line in reader.lines("log").read(1, 3)] == ["log 50", "log 100"]
    assert [line.kind for line in reader.lines("log").read(0, 1)] == ["WARNING"]
    assert [line.text for line in reader.lines("failure").read(9, 99)] == ["ValueError: 2700"]
    assert reader.lines("service_call").count() == 10
    assert reader.lines("record").read(0, 10) == []
    assert reader.damage == ()
    assert reader.unfinished() is None


def test_lines_of_a_channel_have_the_numbers_that_the_state_counts(folder: Path) -> None:
    recorder = Recorder(folder)
    recorder.write(*story(400))
    counts = recorder.state.view(2000.0).lines
    assert {channel: recorder.writer.lines(channel).count() for channel in counts} == dict(counts)


def test_the_state_of_any_moment_is_the_fold_of_all_before(folder: Path) -> None:
    recorder = Recorder(folder, segment_bytes=20_000)
    recorder.write(*story(50))
    for start in range(50):
        recorder.write(*(Output(text=f"{start} {i}") for i in range(20)))
    recorder.write(RunFinished(status="finished"))
    reader = JournalReader(SegmentFolder(folder))
    events = [event for _, event in reader.events()]
    assert [event.seq for event in events] == list(range(recorder.seq))
    assert reader.state() == recorder.state
    for seq in (0, 1, 17, 300, 301, 777, recorder.seq - 1):
        state = RunState(1)
        for event in events[: seq + 1]:
            state.apply(event)
        assert reader.state(seq) == state


def test_a_long_journal_forgets_its_oldest_segments(folder: Path) -> None:
    recorder = Recorder(folder, limit=100_000, segment_bytes=20_000)
    for i in range(4000):
        recorder.write(Output(text=f"line {i}"))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 130_000
    reader = JournalReader(SegmentFolder(folder))
    for source in (recorder.writer.lines("output"), reader.lines("output")):
        first = source.first()
        assert 0 < first < 4000
        assert source.count() == 4000
        assert source.read(0, 10) == []
        assert [line.text for line in source.read(first, 4000)] == [f"line {i}" for i in range(first, 4000)]
    assert reader.state() == recorder.state
    assert reader.damage == ()


def test_files_and_folders_are_for_their_owner_only(folder: Path) -> None:
    Recorder(folder).write(Output(text="secret"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_link_in_the_place_of_a_segment_is_not_followed(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me")
    recorder = Recorder(folder, segment_bytes=1000)
    (folder / segment_name(2)).symlink_to(target)
    for i in range(100):
        recorder.write(Output(text=f"line {i}"))
    assert target.read_text() == "keep me"
    assert recorder.writer.trouble is not None
    assert recorder.writer.lines("output").read(99, 100)[0].text == "line 99"


def test_a_full_disk_is_told_and_the_journal_goes_on_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(folder)
    recorder.write(*(Output(text=f"line {i}") for i in range(100)))

    def full(self: SegmentFile, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(SegmentFile, "append", full)
    recorder.write(*(Output(text=f"line {i}") for i in range(100, 200)))
    recorder.write(Output(text="line 200"))
    assert recorder.writer.trouble is not None
    assert "No space left" in recorder.writer.trouble
    lines = recorder.writer.lines("output").read(0, 1000)
    assert [line.text for line in lines] == [f"line {i}" for i in range(201)]
    assert JournalReader(SegmentFolder(folder)).lines("output").count() == 100


def test_memory_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(None, limit=50_000, segment_bytes=10_000)
    for i in range(3000):
        recorder.write(Output(text=f"line {i}"))
    source = recorder.writer.lines("output")
    assert source.count() == 3000
    assert 0 < source.first() < 2999
    assert source.read(2999, 3000)[0].text == "line 2999"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "missing" / "run-1.sagerun")
    recorder.write(Output(text="x"))
    assert recorder.writer.trouble is not None
    assert recorder.writer.lines("output").count() == 1


def test_a_cut_off_line_is_left_out_and_told(folder: Path) -> None:
    Recorder(folder).write(*(Output(text=f"line {i}") for i in range(10)))
    segment = folder / segment_name(1)
    segment.write_bytes(segment.read_bytes()[:-20])
    reader = JournalReader(SegmentFolder(folder))
    assert reader.lines("output").count() == 9
    assert "breaks off" in (reader.unfinished() or "")
    assert reader.state().seq == 8


def test_garbage_in_the_middle_ends_what_can_be_read(folder: Path) -> None:
    Recorder(folder).write(*(Output(text=f"line {i}") for i in range(10)))
    segment = folder / segment_name(1)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[6] = b"\x00\xff" * 50 + b"\n"
    segment.write_bytes(b"".join(lines))
    reader = JournalReader(SegmentFolder(folder))
    assert [line.text for line in reader.lines("output").read(0, 100)] == [f"line {i}" for i in range(5)]
    assert reader.state().seq == 4
    assert any("damaged at byte" in text for text in reader.damage)


def test_a_damaged_segment_does_not_hide_the_next(folder: Path) -> None:
    recorder = Recorder(folder, segment_bytes=3000)
    for i in range(100):
        recorder.write(Output(text=f"line {i}"))
    damaged = folder / segment_name(2)
    damaged.write_bytes(b"nonsense\n")
    reader = JournalReader(SegmentFolder(folder))
    texts = [line.text for line in reader.lines("output").read(0, 100)]
    assert texts[0] == "line 0"
    assert texts[-1] == "line 99"
    assert reader.state() == recorder.state
    assert len(reader.damage) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b'{"type":"snapshot"}\n', b"[" * 100_000])
def test_what_is_no_journal_is_refused(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / segment_name(1)).write_bytes(content)
    with pytest.raises(JournalError, match="snapshot"):
        JournalReader(SegmentFolder(folder))


def test_a_journal_can_be_followed_while_it_is_written(folder: Path) -> None:
    recorder = Recorder(folder, segment_bytes=2000)
    recorder.write(Output(text="line 0"))
    reader = JournalReader(SegmentFolder(folder))
    source = reader.lines("output")
    assert source.count() == 1
    assert not reader.refresh()
    for i in range(1, 100):
        recorder.write(Output(text=f"line {i}"))
        if i % 7 == 0:
            assert reader.refresh()
            assert source.read(i, i + 1)[0].text == f"line {i}"
    reader.refresh()
    assert [line.text for line in source.read(0, 200)] == [f"line {i}" for i in range(100)]


def test_a_million_lines_cost_little_memory_and_few_are_read_to_show_some(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(folder)
    writer = recorder.writer
    lines = [encode(Output(run=1, t=1.0, seq=i, source="Sink", text=f"line {i}")) for i in range(1000)]
    event = Output(text="x")
    for _ in range(1000):
        for line in lines:
            writer.append(line, event)
        writer.flush()
    source = writer.lines("output")
    assert source.count() == 1_000_000
    assert sum(found.memory() for found in gc.get_objects() if type(found) is SegmentIndex) < 3_000_000
    read: list[bytes] = []

    def counted(raw: bytes) -> Message:
        read.append(raw)
        return decode(raw)

    monkeypatch.setattr(channel, "decode", counted)
    for start in (0, 123_456, 500_000, 999_950):
        read.clear()
        texts = [line.text for line in source.read(start, start + 50)]
        assert len(read) <= 2 * BLOCK_LINES
        assert texts == [f"line {i % 1000}" for i in range(start, start + 50)]
    reader = JournalReader(SegmentFolder(folder))
    assert reader.lines("output").count() == 1_000_000
    assert reader.lines("output").read(500_000, 500_001)[0].text == "line 0"
