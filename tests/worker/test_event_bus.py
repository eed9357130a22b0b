"""The event bus: order, numbering, coalescing, backpressure, flushes, and a reader that goes away."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.waiting import SOON

from sage_runtime.events import MAX_TEXT, Flush, Hello, Message, Notice, Output, decode, encode
from sage_runtime.worker.encoder import Origin, cut_text
from sage_runtime.worker.event_bus import EventBus, pipe_writer
from sage_runtime.worker.stdio.line_assembler import LineAssembler

OUT = Origin("stdout", None, None)
SINK = Origin("stdout", "p", "Sink")


class Reader:
    """The other end of a bus: keeps what is written; may be held up, and may break."""

    def __init__(self) -> None:
        self.data = b""
        self.writes = 0
        self.entered = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.broken = False
        self.changed = threading.Condition()
        self.lost = threading.Event()
        self.acknowledge: Callable[[int], None] | None = None

    def write(self, data: bytes) -> None:
        self.entered.set()
        assert self.open.wait(SOON)
        if self.broken:
            raise BrokenPipeError
        with self.changed:
            self.data += data
            self.writes += 1
            self.changed.notify_all()
        if self.acknowledge is not None:
            for message in map(decode, data.splitlines()):
                if isinstance(message, Flush):
                    self.acknowledge(message.id)

    @property
    def messages(self) -> list[Message]:
        return [decode(line) for line in self.data.splitlines()]

    @property
    def output(self) -> list[Output]:
        return [message for message in self.messages if isinstance(message, Output)]

    @property
    def text(self) -> str:
        return "".join(event.text + event.end for event in self.output)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, SOON)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def bus(reader: Reader) -> Iterator[EventBus]:
    bus = EventBus(7, reader.write, lost=reader.lost.set)
    yield bus
    reader.open.set()
    bus.close()


def held(reader: Reader, bus: EventBus) -> None:
    """Hold the pump inside a write, so that what follows is queued."""
    reader.open.clear()
    reader.entered.clear()
    bus.send(Hello(1, "hold"))
    assert reader.entered.wait(SOON)


def test_events_are_numbered_from_one_in_the_order_they_are_published(reader: Reader, bus: EventBus) -> None:
    for i in range(100):
        bus.publish(Notice(message=str(i)))
    bus.flush()
    notices = [m for m in reader.messages if isinstance(m, Notice)]
    assert [(n.run, n.worker, n.seq, n.message) for n in notices] == [(7, 0, i + 1, str(i)) for i in range(100)]
    assert all(a.t <= b.t for a, b in itertools.pairwise(notices))


def test_messages_have_no_number_and_keep_their_place(reader: Reader, bus: EventBus) -> None:
    bus.publish(Notice(message="a"))
    bus.send(Hello(5, "3.11"))
    bus.publish(Notice(message="b"))
    bus.flush()
    assert [type(message) for message in reader.messages] == [Notice, Hello, Notice]
    assert reader.messages[2] == Notice(run=7, t=reader.messages[2].t, seq=2, message="b")  # type: ignore[union-attr]


def test_many_threads_lose_nothing_and_keep_their_own_order(reader: Reader, bus: EventBus) -> None:
    def publish(me: int) -> None:
        for i in range(500):
            bus.publish(Notice(level=str(me), message=str(i)))

    threads = [threading.Thread(target=publish, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    bus.flush()
    notices = [m for m in reader.messages if isinstance(m, Notice)]
    assert [n.seq for n in notices] == list(range(1, 4001))
    for me in range(8):
        assert [n.message for n in notices if n.level == str(me)] == [str(i) for i in range(500)]


def test_neighbouring_output_of_one_origin_is_one_event(reader: Reader, bus: EventBus) -> None:
    held(reader, bus)
    for origin, text in [(OUT, "a\n"), (OUT, "b\n"), (SINK, "c\n"), (SINK, "d\n"), (OUT, "e\n")]:
        bus.put_text(origin, text)
    bus.publish(Notice(message="between"))
    bus.put_text(OUT, "f\n")
    reader.open.set()
    bus.flush()
    assert [(e.source, e.text, e.end) for e in reader.output] == [
        (None, "a\nb", "\n"), ("Sink", "c\nd", "\n"), (None, "e", "\n"), (None, "f", "\n")
    ]  # fmt: skip


def test_output_lines_are_what_the_codec_makes(reader: Reader, bus: EventBus) -> None:
    texts = ["plain\n", 'quotes " and \\ \n', "\x00\x1b[2J\x7f\u2028 ü字🎉\r", "lone \udcff", "\n"]
    for text in texts:
        bus.put_text(SINK, text)
        bus.put_text(OUT, text)
    bus.flush()
    lines = [line + b"\n" for line in reader.data.splitlines()]
    assert [encode(decode(line)) for line in lines] == lines
    assert [e.text + e.end for e in reader.output if e.source is None] == texts


def test_an_event_that_cannot_be_encoded_becomes_a_notice(reader: Reader, bus: EventBus) -> None:
    bus.publish(Notice(message=object()))  # type: ignore[arg-type]
    bus.publish(Notice(message="goes on"))
    bus.flush()
    first, second = (message for message in reader.messages if isinstance(message, Notice))
    assert (first.level, first.seq) == ("error", 1)
    assert (second.message, second.seq) == ("goes on", 2)


def test_publishers_wait_while_the_reader_is_behind_and_nothing_is_lost(reader: Reader, bus: EventBus) -> None:
    held(reader, bus)
    done, put = threading.Event(), deque[int](maxlen=1)

    def write() -> None:
        for i in range(20_000):
            bus.put_text(OUT, f"{i}\n")
            put.append(i)
            bus.wait_for_room(10)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert not done.wait(0.1)
    assert put[0] <= 8193
    reader.open.set()
    assert done.wait(SOON)
    bus.flush()
    assert reader.text == "".join(f"{i}\n" for i in range(20_000))


def test_large_texts_need_more_room(reader: Reader, bus: EventBus) -> None:
    held(reader, bus)
    done, put = threading.Event(), deque[int](maxlen=1)

    def write() -> None:
        for i in range(200):
            bus.put_text(OUT, "x" * MAX_TEXT)
            put.append(i)
            bus.wait_for_room(MAX_TEXT)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert not done.wait(0.1)
    assert put[0] <= 65
    reader.open.set()
    assert done.wait(SOON)


def test_an_acknowledged_flush_waits_for_the_reader(reader: Reader, bus: EventBus) -> None:
    done = threading.Event()

    def flush() -> None:
        bus.flush(acknowledged=True, timeout=SOON)
        done.set()

    bus.publish(Notice(message="before"))
    threading.Thread(target=flush, daemon=True).start()
    reader.wait_until(lambda: b'"flush"' in reader.data)
    assert not done.is_set()
    number = next(m.id for m in reader.messages if isinstance(m, Flush))
    bus.acknowledge(number + 100)
    assert not done.is_set()
    bus.acknowledge(number)
    assert done.wait(SOON)


def test_an_acknowledged_flush_gives_up_in_time(bus: EventBus) -> None:
    bus.flush(acknowledged=True, timeout=0.01)


def test_a_reader_that_has_gone_ends_every_wait(reader: Reader, bus: EventBus) -> None:
    def publish() -> None:
        for _ in range(10_000):
            bus.publish(Notice(message="x" * 100))

    held(reader, bus)
    waiting = [
        threading.Thread(target=lambda: bus.flush(acknowledged=True, timeout=SOON)),
        threading.Thread(target=publish),
    ]
    for thread in waiting:
        thread.start()
    reader.broken = True
    reader.open.set()
    assert reader.lost.wait(SOON)
    for thread in waiting:
        thread.join(SOON)
        assert not thread.is_alive()
    bus.publish(Notice(message="into the void"))
    bus.flush()


def test_closing_writes_the_rest_and_takes_no_more(reader: Reader) -> None:
    bus = EventBus(1, reader.write)
    line = LineAssembler(bus, OUT)
    bus.publish(Notice(message="last"))
    line.feed("unfinished")
    bus.close()
    bus.publish(Notice(message="too late"))
    assert [type(message) for message in reader.messages] == [Notice, Output]
    assert reader.text == "unfinished"


def test_a_pipe_is_written_completely_however_small_it_is() -> None:
    reading, writing = os.pipe()
    data = bytes(range(256)) * 8_000

    def write() -> None:
        pipe_writer(writing)(data)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    received = b""
    while chunk := os.read(reading, 65536):
        received += chunk
    thread.join(SOON)
    os.close(reading)
    assert received == data


class Feeder:
    """A line assembler and what it sends."""

    def __init__(self, reader: Reader, bus: EventBus) -> None:
        self.reader = reader
        self.bus = bus
        self.lines = LineAssembler(bus, OUT)

    def sent(self) -> list[str]:
        """The texts sent so far, joined where neighbours were joined."""
        self.bus.flush()
        return [event.text + event.end for event in self.reader.output]


@pytest.fixture
def feeder(reader: Reader, bus: EventBus) -> Feeder:
    return Feeder(reader, bus)


def test_a_line_is_sent_when_it_is_whole(feeder: Feeder) -> None:
    for text in ("a", "b", "c\nd", "e\n"):
        feeder.lines.feed(text)
    assert "".join(feeder.sent()) == "abc\nde\n"
    assert feeder.lines.began is None


def test_an_unfinished_line_is_sent_after_a_moment(feeder: Feeder) -> None:
    feeder.lines.feed("prompt> ")
    feeder.reader.wait_until(lambda: feeder.reader.text == "prompt> ")
    assert [(event.text, event.end) for event in feeder.reader.output] == [("prompt> ", "")]


def test_a_second_unfinished_line_is_sent_too(feeder: Feeder) -> None:
    for text in ("one", "\ntwo", "\nthree"):
        feeder.lines.feed(text)
        feeder.reader.wait_until(lambda text=text: feeder.reader.text.endswith(text))  # type: ignore[misc]


def test_a_character_cut_in_two_is_one(feeder: Feeder) -> None:
    data = "字\n".encode()
    feeder.lines.feed_bytes(data[:1])
    feeder.lines.feed_bytes(data[1:])
    assert feeder.sent() == ["字\n"]


def test_half_a_character_before_text_is_undecodable(feeder: Feeder) -> None:
    feeder.lines.feed_bytes("字".encode()[:2])
    feeder.lines.feed("text\n")
    assert feeder.sent() == ["\udce5\udcadtext\n"]


def test_half_a_character_at_the_end_is_sent_in_time(feeder: Feeder) -> None:
    feeder.lines.feed_bytes(b"\xe5")
    feeder.reader.wait_until(lambda: feeder.reader.text == "\udce5")


@given(st.lists(st.text(alphabet="ab\r\n字", max_size=8), max_size=12))
def test_what_is_fed_is_what_is_sent(texts: list[str]) -> None:
    pieces: list[str] = []

    class Silent:
        def put_text(self, origin: Origin, text: str) -> None:
            pieces.append(text)

        def await_rest(self, line: object) -> None: ...

        def nudge(self) -> None: ...

    lines = LineAssembler(Silent(), OUT)  # type: ignore[arg-type]
    for text in texts:
        lines.feed(text)
    assert all(piece[-1] in "\r\n" for piece in pieces)
    lines.finish()
    assert "".join(pieces) == "".join(texts)
    assert all("\n" not in piece or piece.rindex("\n") < len(piece) for piece in pieces)


@given(st.text(alphabet="ab\r\n", max_size=40))
def test_parts_of_overwriting_lines_are_the_text_again(text: str) -> None:
    parts = cut_text(text)
    assert "".join(parts) == text
    for part in parts:
        for line in part.split("\n")[:-1]:
            assert "\r" not in line.removesuffix("\r")


def test_of_a_progress_bar_the_last_state_stands_alone() -> None:
    assert cut_text("start\n0%\r50%\r100%\nend\n") == ["start\n", "0%\r50%\r", "100%\nend\n"]
    assert cut_text("\r0%\r50%\r") == ["\r0%\r", "50%\r"]
    assert cut_text("dos\r\nlines\r\n") == ["dos\r\nlines\r\n"]


def test_a_fault_of_the_pump_is_told_on_stderr_and_the_run_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    lost = threading.Event()

    def write(data: bytes) -> None:
        raise ZeroDivisionError("no way")

    bus = EventBus(1, write, lost=lost.set)
    bus.publish(Notice(level="info", message="never told"))
    assert lost.wait(SOON)
    bus.close()
    assert capfd.readouterr().err == "sage-tui: what happens can't be told any more: ZeroDivisionError: no way\n"


def failing_at_once(error: OSError) -> tuple[EventBus, Reader]:
    """A bus with a line in it, whose threads that print fail to write."""

    def fail(line: bytes) -> None:
        raise error

    reader = Reader()
    bus = EventBus(1, reader.write, at_once=fail)
    bus.put_text(OUT, "line\n")
    return bus, reader


def test_a_full_pipe_is_left_to_the_pump() -> None:
    bus, reader = failing_at_once(BlockingIOError(errno.EAGAIN, "full"))
    bus.carry(0)
    bus.close()
    assert "".join(output.text + output.end for output in reader.output) == "line\n"


def test_what_a_signal_handler_raises_while_a_thread_prints_reaches_it_and_the_line_is_written() -> None:
    bus, reader = failing_at_once(TimeoutError("as an alarm's handler raises it"))
    with pytest.raises(TimeoutError):
        bus.carry(0)
    bus.close()
    assert "".join(output.text + output.end for output in reader.output) == "line\n"


def test_what_a_signal_handler_raises_while_the_pump_is_woken_reaches_the_thread() -> None:
    class Rung:
        """A lock in whose release a signal arrives."""

        def release(self) -> None:
            raise RuntimeError("a handler's")

    reader = Reader()
    bus = EventBus(1, reader.write)
    wake_up = bus._wake_up
    bus._wake_up = Rung()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="a handler's"):
        bus._wake()
    bus._wake_up = wake_up
    bus._wake()
    bus._wake()  # and nothing is raised where it is awake
    bus.close()
