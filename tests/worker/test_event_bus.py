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
from sage_runtime.worker.encoder import Encoder, Origin, OutputPiece, cut_text
from sage_runtime.worker.event_bus import EventBus, pipe_writer

OUT = Origin("stdout", None, None)
SINK = Origin("stdout", "p", "Sink")


class Thread:
    """A thread's stream that writes what a test wants; `fetched` is what it has kept."""

    def __init__(self, bus: EventBus, origin: Origin = OUT, thread: int | None = None) -> None:
        self.bus = bus
        self.origin = origin
        self.thread = threading.get_ident() if thread is None else thread
        self.lock = threading.RLock()
        self.writing = False
        self.kept = b""

    def write(self, text: str) -> None:
        self.bus.put_output(self, text.encode(errors="surrogateescape"))

    def is_writing(self) -> bool:
        return self.writing

    def fetch(self) -> bool:
        kept, self.kept = self.kept, b""
        if kept:
            self.bus.put_output(self, kept, fetched=True)
        return bool(kept)

    def buffer_writes(self) -> None: ...

    def stop_buffering(self) -> None: ...


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
    script, sink = Thread(bus), Thread(bus, SINK, thread=1)
    for thread, text in [(script, "a\n"), (script, "b\n"), (sink, "c\n"), (sink, "d\n"), (script, "e\n")]:
        thread.write(text)
    bus.publish(Notice(message="between"))
    script.write("f\n")
    reader.open.set()
    bus.flush()
    assert [(e.source, e.text, e.end) for e in reader.output] == [
        (None, "a\nb", "\n"), ("Sink", "c\nd", "\n"), (None, "e", "\n"), (None, "f", "\n")
    ]  # fmt: skip


def test_output_lines_are_what_the_codec_makes(reader: Reader, bus: EventBus) -> None:
    texts = ["plain\n", 'quotes " and \\ \n', "\x00\x1b[2J\x7f\u2028 ü字🎉\r", "lone \udcff", "\n"]
    script, sink = Thread(bus), Thread(bus, SINK, thread=1)
    for text in texts:
        sink.write(text)
        script.write(text)
        bus.finish_lines()
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
        me = Thread(bus)
        for i in range(20_000):
            me.write(f"{i}\n")
            put.append(i)
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
        me = Thread(bus)
        for i in range(200):
            me.write("x" * MAX_TEXT)
            put.append(i)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert not done.wait(0.1)
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
    bus.publish(Notice(message="last"))
    Thread(bus).write("unfinished")
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


def wait_for_text(reader: Reader, text: str) -> None:
    reader.wait_until(lambda: reader.text.endswith(text))


def test_a_line_is_sent_when_it_is_whole(reader: Reader, bus: EventBus) -> None:
    me = Thread(bus)
    me.writing = True  # its rest is on its way, however long that takes
    for text in ("a", "b", "c\nd"):
        me.write(text)
    bus.flush()
    assert reader.text == "abc\n"
    me.write("e\n")
    bus.flush()
    assert reader.text == "abc\nde\n"


def test_an_unfinished_line_is_sent_after_a_moment(reader: Reader, bus: EventBus) -> None:
    Thread(bus).write("prompt> ")
    wait_for_text(reader, "prompt> ")
    assert [(event.text, event.end) for event in reader.output] == [("prompt> ", "")]


def test_a_second_unfinished_line_is_sent_too(reader: Reader, bus: EventBus) -> None:
    for text in ("one", "\ntwo", "\nthree"):
        Thread(bus).write(text)
        wait_for_text(reader, text)


def test_an_unfinished_line_is_sent_when_its_thread_has_come_back_from_the_write(reader: Reader, bus: EventBus) -> None:
    me, other = Thread(bus), Thread(bus, SINK, thread=1)
    me.writing = True
    me.write("half")
    other.write("another's")
    wait_for_text(reader, "another's")  # so the pump has looked
    assert reader.text == "another's"
    me.writing = False
    wait_for_text(reader, "half")


class Flooding(Thread):
    """A thread that writes one text, and keeps another, as soon as it may."""

    def __init__(self, bus: EventBus, text: str, kept: str) -> None:
        super().__init__(bus, thread=1)
        self.texts = text, kept

    def buffer_writes(self) -> None:
        self.writing = True
        self.write(self.texts[0])
        self.kept = self.texts[1].encode()
        self.writing = False


def test_what_a_thread_keeps_comes_before_what_others_publish_later(reader: Reader, bus: EventBus) -> None:
    bus.publish(Notice(message="before"))
    bus.let_flood(Flooding(bus, "written\n", "kept\n"))
    bus.publish(Notice(message="later"))
    bus.flush()
    messages = [message.text if isinstance(message, Output) else type(message) for message in reader.messages]
    assert messages in ([Notice, "written\nkept", Notice], [Notice, "written", "kept", Notice])


def test_the_rest_of_a_line_is_fetched_before_its_beginning_is_sent(reader: Reader, bus: EventBus) -> None:
    bus.let_flood(Flooding(bus, "half a ", "line\n"))
    wait_for_text(reader, "line\n")
    assert [event.text for event in reader.output] == ["half a line"]


def test_a_character_cut_in_two_is_one(reader: Reader, bus: EventBus) -> None:
    me, data = Thread(bus), "字\n".encode()
    bus.put_output(me, data[:1])
    bus.put_output(me, data[1:])
    bus.flush()
    assert reader.text == "字\n"


def test_half_a_character_at_the_end_is_sent_in_time(reader: Reader, bus: EventBus) -> None:
    bus.put_output(Thread(bus), b"\xe5")
    wait_for_text(reader, "\udce5")


def test_a_long_line_is_never_cut_within_a_character(reader: Reader, bus: EventBus) -> None:
    me, data = Thread(bus), "字".encode() * 3 * MAX_TEXT
    for start in range(0, len(data), MAX_TEXT + 1):
        bus.put_output(me, data[start : start + MAX_TEXT + 1])
    bus.finish_lines()
    bus.flush()
    assert reader.text == "字" * 3 * MAX_TEXT
    assert len(reader.output) > 1


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.text(alphabet="ab\r\n字", min_size=1, max_size=8)), max_size=12))
def test_what_each_thread_writes_is_what_is_sent_and_lines_are_whole(pieces: list[tuple[int, str]]) -> None:
    at_a_time, one_by_one, written = Encoder(1), Encoder(1), b""
    origins = [OUT, SINK]
    threads = [Thread(None, origin, thread) for thread, origin in enumerate(origins)]  # type: ignore[arg-type]
    for thread, text in pieces:
        piece = OutputPiece(1.0, threads[thread], origins[thread], text.encode())
        at_a_time.add(piece)
        line, steps = one_by_one.prepare(piece)
        for step in steps:
            step()
        written += line
    for encoder in (at_a_time, one_by_one):
        encoder.finish(1.0)
    for data in (at_a_time.take(), written + one_by_one.take()):
        events = [decode(line) for line in data.splitlines()]
        assert [event.seq for event in events if isinstance(event, Output)] == list(range(1, len(events) + 1))
        for thread, origin in enumerate(origins):
            mine = [event for event in events if isinstance(event, Output) and event.source == origin.source]
            assert "".join(event.text + event.end for event in mine) == "".join(t for n, t in pieces if n == thread)
            assert all(event.end for event in mine[:-1])


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
    assert capfd.readouterr().err == "sage-tui: the event stream is lost: ZeroDivisionError: no way\n"


def failing_at_once(error: BaseException) -> tuple[EventBus, Reader]:
    """A bus whose threads that print fail to write, once."""
    reader, errors = Reader(), [error]

    def fail(line: bytes) -> None:
        if errors:
            raise errors.pop()
        reader.write(line)

    return EventBus(1, reader.write, at_once=fail), reader


def test_a_full_pipe_is_left_to_the_pump() -> None:
    bus, reader = failing_at_once(BlockingIOError(errno.EAGAIN, "full"))
    Thread(bus).write("line\n")
    bus.close()
    assert reader.text == "line\n"


@pytest.mark.parametrize("error", [TimeoutError("as an alarm's handler raises it"), KeyboardInterrupt()])
def test_what_a_signal_handler_raises_while_a_thread_prints_reaches_it_and_nothing_is_lost(
    error: BaseException,
) -> None:
    bus, reader = failing_at_once(error)
    with pytest.raises(type(error)):
        Thread(bus).write("line\n")
    Thread(bus).write("next\n")
    other = threading.Thread(target=lambda: Thread(bus, SINK).write("of another thread\n"))
    other.start()
    other.join(SOON)
    bus.close()
    assert reader.text == "line\nnext\nof another thread\n"


def test_a_signal_handler_may_print_while_its_thread_writes() -> None:
    reader = Reader()
    handlers: list[Thread] = []

    def write(line: bytes) -> None:
        if handlers:
            handlers.pop().write("nested\n")
        reader.write(line)

    bus = EventBus(1, reader.write, at_once=write)
    handlers.append(Thread(bus))
    Thread(bus).write("line\n")
    bus.close()
    assert sorted(reader.text.splitlines()) == ["line", "nested"]
