"""When half a line is sent by itself: when no more comes, not when its thread waits for its turn to write the rest."""

from __future__ import annotations

from sage_runtime.worker.encoder import Origin
from sage_runtime.worker.pending_output import PendingOutput, Unfinished
from sage_runtime.worker.stdio.captured_stream import Streams

LONG_AGO = 0.0


class HalfALine:
    """A line that was begun long ago; its thread writes, or has gone on to something else."""

    def __init__(self, *, written: bool) -> None:
        self.began: float | None = LONG_AGO
        self.written = written
        self.sent = False

    def grows(self) -> bool:
        return self.written

    def finish(self) -> None:
        self.sent = True
        self.began = None


class Writer:
    """A thread's text that has not been fetched yet: the rest of a line."""

    def __init__(self, line: HalfALine) -> None:
        self.line = line

    def settle(self) -> bool:
        self.line.began = None
        return True

    def retire(self) -> None: ...


class OneThread:
    """A bus that looks at the line while the thread is in its write."""

    deferred = None
    flooded = False

    def __init__(self) -> None:
        self.lines: list[Unfinished] = []
        self.grew: list[bool] = []

    def put_text(self, origin: Origin, text: str) -> None: ...

    def carry(self, size: int) -> None: ...

    def nudge(self) -> None: ...

    def await_rest(self, line: Unfinished) -> None:
        self.lines.append(line)
        self.grew.append(line.grows())


def test_half_a_line_is_not_sent_while_its_thread_is_writing() -> None:
    held_back, line = PendingOutput(), HalfALine(written=True)
    held_back.add_line(line)
    again = held_back.look(None)
    assert not line.sent
    assert again is not None

    line.written = False
    assert held_back.look(None) is None
    assert line.sent


def test_what_is_written_already_is_fetched_before_half_a_line_is_sent() -> None:
    held_back, line = PendingOutput(), HalfALine(written=False)
    writer = Writer(line)  # held weakly by those who ask it
    held_back.add_writer(writer)
    held_back.look(None)  # asks the writers; they are asked seldom
    held_back.add_line(line)
    line.began = LONG_AGO
    held_back.look(None)
    assert not line.sent


def test_a_line_grows_until_its_thread_has_come_back_from_the_write() -> None:
    bus = OneThread()
    streams = Streams(bus)  # type: ignore[arg-type]
    streams.stdout.write("as text")
    streams.stderr.buffer.write(b"as bytes")
    assert bus.grew
    assert all(bus.grew)
    assert not any(line.grows() for line in bus.lines)
