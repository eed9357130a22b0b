"""Writing to a standard stream's descriptor."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from support.waiting import SOON

from sage_tui.console.streams import DescriptorWriter, OutputAbandonedError, OutputClosedError

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


def read_all(fd: int) -> bytes:
    pieces = []
    while piece := os.read(fd, 65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("blocking", [True, False])
def test_more_than_a_pipe_holds_arrives_whole_and_in_order(pipe: Pipe, blocking: bool) -> None:
    reading, writing = pipe
    os.set_blocking(writing, blocking)
    data = b"".join(b"%d," % number for number in range(100_000))

    def write() -> None:
        with DescriptorWriter(writing) as writer:
            writer.write(data)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_all(reading) == data
    thread.join()


def test_a_reader_that_went_away_is_told(pipe: Pipe) -> None:
    reading, writing = pipe
    os.close(reading)
    with DescriptorWriter(writing) as writer, pytest.raises(OutputClosedError) as closed:
        writer.write(b"anybody?")
    assert isinstance(closed.value.reason, BrokenPipeError)


def test_a_write_that_waits_for_its_reader_can_be_abandoned(pipe: Pipe) -> None:
    _, writing = pipe
    writer = DescriptorWriter(writing)
    outcome: list[str] = []

    def write() -> None:
        try:
            writer.write(bytes(1_000_000))  # more than the pipe holds, and nobody reads
        except OutputAbandonedError:
            outcome.append("abandoned")

    thread = threading.Thread(target=write)
    thread.start()
    writer.abandon()
    thread.join(SOON)
    assert outcome == ["abandoned"]
    with pytest.raises(OutputAbandonedError):
        writer.write(b"more")
    writer.close()
    with pytest.raises(OutputAbandonedError):
        writer.write(b"even more")
