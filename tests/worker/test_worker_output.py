"""What a script prints: every byte, in order, with its source, in events of whole lines."""

from __future__ import annotations

import pytest
from support.workers import Run, Scripts, plain

from sage_runtime.events import Log, Output

NOISY = r"""
    import sys
    print("one", 2, sep="-", end="!\n")
    print("täxt 字 🎉")
    sys.stdout.write("no newline, ")
    sys.stdout.writelines(["then ", "lines\n", "a\r\nb\n"])
    print("0%", end="\r")
    print("50%", end="\r")
    print("100%")
    print(file=sys.stderr)
    print("to stderr \ud800", file=sys.stderr)
    sys.stdout.flush()
    sys.stdout.buffer.write(b"bytes \xff\xfe in between\n")
    sys.stdout.buffer.flush()
    print("\x1b[31mred\x1b[0m \0 \x07")
    print("x" * 200_000)
    print("\n" * 5_000, end="")
    print("the end has no newline", end="")
"""


def output(run: Run) -> list[tuple[str, str]]:
    return [(event.text, event.end) for event in run.of(Output)]


def test_every_byte_arrives_as_the_script_wrote_it(scripts: Scripts) -> None:
    run = scripts.run(NOISY)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")


def test_events_are_numbered_without_a_gap(scripts: Scripts) -> None:
    run = scripts.run(NOISY)
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))
    assert {event.run for event in run.events} == {1}


def test_an_output_event_holds_64_kib_at_most_and_ends_with_a_line(scripts: Scripts) -> None:
    run = scripts.run("print('x' * 300_000); [print(i, 'y' * 90) for i in range(5_000)]")
    assert all(len(event.text) + len(event.end) <= 64 * 1024 for event in run.of(Output))
    assert [len(text) for text, _ in output(run)[:4]] == [64 * 1024] * 4
    assert {end for _, end in output(run)[5:]} == {"\n"}


def test_a_flood_is_sent_in_large_events_and_loses_nothing(scripts: Scripts) -> None:
    run = scripts.run("for i in range(300_000): print(i)")
    assert run.stdout == "".join(f"{i}\n" for i in range(300_000))
    assert len(run.of(Output)) < 20_000


def test_alternating_streams_keep_their_order(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys
        for i in range(2_000):
            print(i)
            if i % 50 == 0:
                print("err", i, file=sys.stderr)
        """)
    expected = "".join(f"{i}\n" + (f"err {i}\n" if i % 50 == 0 else "") for i in range(2_000))
    assert run.text == expected


def test_threads_that_take_turns_keep_their_order_and_their_lines_whole(scripts: Scripts) -> None:
    run = scripts.run("""
        import threading
        turns = [threading.Semaphore(1), threading.Semaphore(0)]
        def speak(me):
            for i in range(300):
                turns[me].acquire()
                for k in range(1 + i % 70):
                    print("thread", me, "says", i, k)
                turns[1 - me].release()
        threads = [threading.Thread(target=speak, args=(me,)) for me in (0, 1)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """)
    expected = "".join(f"thread {me} says {i} {k}\n" for i in range(300) for me in (0, 1) for k in range(1 + i % 70))
    assert run.stdout == expected


def test_lines_of_threads_that_print_at_once_are_not_torn(scripts: Scripts) -> None:
    run = scripts.run("""
        import threading
        def speak(me):
            for i in range(3_000):
                print(me, "a", "b", "c", i)
        threads = [threading.Thread(target=speak, args=(me,)) for me in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """)
    lines = run.stdout.splitlines()
    for me in range(4):
        assert [line for line in lines if line.startswith(f"{me} ")] == [f"{me} a b c {i}" for i in range(3_000)]
    assert len(lines) == 12_000


def test_an_unfinished_line_is_sent_though_no_more_comes(scripts: Scripts) -> None:
    run = scripts.start(
        "import sys; print('How', end=''); print(' far', end=''); sys.stdin.readline(); print('?')", ask_input=True
    )
    assert run.wait_for(Output).text == "How far"
    run.process.kill()


def test_an_unfinished_line_is_sent_before_its_thread_turns_to_the_other_stream(scripts: Scripts) -> None:
    run = scripts.run("import sys; print('a', end=''); print('b', end='', file=sys.stderr); print('c', end='')")
    assert run.timeline == [("stdout", "a"), ("stderr", "b"), ("stdout", "c")]


def test_bytes_and_text_come_in_the_order_they_are_written(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys
        for i in range(100):
            print("text", i)
            sys.stdout.buffer.write(b"bytes\\n")
        """)
    assert run.stdout == "".join(f"text {i}\nbytes\n" for i in range(100))


def test_a_carriage_return_ends_an_update(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys
        for i in range(3):
            sys.stdout.write(f"\\r{i}%")
        print()
        """)
    assert "".join(text + end for text, end in output(run)) == "\r0%\r1%\r2%\n"
    assert output(run)[-1] == ("2%", "\n")
    assert output(run)[-2][1] == "\r"


def test_a_line_that_ends_in_crlf_is_one_line(scripts: Scripts) -> None:
    run = scripts.run("print('dos', end='\\r'); print(); print('done', end='\\r\\n')")
    assert "".join(text + end for text, end in output(run)) == "dos\r\ndone\r\n"
    assert {end for _, end in output(run)} == {"\n"}


def test_a_held_write_method_keeps_working(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys
        for i in range(100): print(i)
        write = sys.stdout.write
        for i in range(100, 3_000): write(f"{i}\\n")
        import time
        print("last")
        """)
    assert run.stdout == "".join(f"{i}\n" for i in range(3_000)) + "last\n"


def test_what_a_script_prints_while_it_prints_keeps_the_order_of_python(scripts: Scripts) -> None:
    text = """
        class Loud:
            def __init__(self, n): self.n = n
            def __str__(self):
                print("about to say", self.n)
                return f"said {self.n}"
        for i in range(200): print(Loud(i))
        """
    run = scripts.run(text)
    assert run.stdout == plain(scripts.folder / "script.py")[1]


def test_a_signal_handler_may_print(scripts: Scripts) -> None:
    run = scripts.run("""
        import signal, os
        signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
        for i in range(3_000):
            print("line", i)
            if i % 30 == 0: os.kill(os.getpid(), signal.SIGUSR1)
        """)
    lines = run.stdout.splitlines()
    assert lines.count("handled") == 100
    assert [line for line in lines if line != "handled"] == [f"line {i}" for i in range(3_000)]


def test_the_streams_look_like_pythons_own(scripts: Scripts) -> None:
    run = scripts.run("""
        import io, sys
        sys.stdout.reconfigure(errors="strict")
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            print(stream.isatty(), stream.fileno(), stream.encoding, stream.writable(), stream.readable(),
                  stream.closed, stream.mode, stream.name, isinstance(stream, io.TextIOBase), stream.errors)
        print(sys.stdout.write("abc\\n"), sys.stdout.buffer.write(b"def\\n"), sys.stdout.flush())
        sys.stdout.reconfigure(line_buffering=True)
        for wrong in (b"bytes", 3):
            try: sys.stdout.write(wrong)
            except TypeError as error: print(error)
        """)
    lines = run.stdout.splitlines()
    assert lines[0] == "False 1 utf-8 True False False w <stdout> True strict"
    assert lines[3] == "False 2 utf-8 True False False w <stderr> True backslashreplace"
    assert lines[4:] == [
        "abc", "def", "4 4 None",
        "write() argument must be str, not bytes", "write() argument must be str, not int",
    ]  # fmt: skip


def test_what_cannot_be_encoded_raises_where_python_raises(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys
        try: print("\\ud800")
        except UnicodeEncodeError as error: print(error)
        print("\\ud800", file=sys.stderr)
        """)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")
    assert run.stderr == "\\ud800\n"


def test_another_encoding_is_written_as_it_is(scripts: Scripts) -> None:
    run = scripts.run("""
        import sys, io
        sys.stdout.reconfigure(encoding="latin-1", errors="replace")
        print("é 字", flush=True)
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-16-le")
        print("é")
        """)
    assert run.stdout == plain(scripts.folder / "script.py")[1]


def test_a_script_may_put_its_own_stream_there(scripts: Scripts) -> None:
    run = scripts.run("""
        import contextlib, io, sys
        with contextlib.redirect_stdout(io.StringIO()) as held:
            print("hidden")
        class Shout:
            def __init__(self, stream): self.stream = stream
            def write(self, text): return self.stream.write(text.upper())
            def flush(self): self.stream.flush()
        sys.stdout = Shout(sys.stdout)
        print("shown", held.getvalue())
        """)
    assert run.stdout == "SHOWN HIDDEN\n\n"


@pytest.mark.parametrize("damage", ["os.close(1); os.close(2)", "sys.stdout = sys.stderr = None", "sys.stdout.close()"])
def test_a_script_that_closes_its_outputs_ends_as_in_python(scripts: Scripts, damage: str) -> None:
    run = scripts.run(f"import os, sys\nprint('before')\n{damage}\nsys.exit(5)")
    assert run.status == 5
    assert run.stdout == "before\n"


def test_logging_becomes_events_and_prints_what_it_always_prints(scripts: Scripts) -> None:
    run = scripts.run("""
        import logging
        logging.warning("bare %s", "warning")
        logging.info("not enabled")
        logging.basicConfig(format="%(name)s|%(message)s", level=logging.INFO, force=True)
        log = logging.getLogger("my.module")
        log.info("hello %d", 5)
        logging.raiseExceptions = False
        log.error("wrong %d", "argument")
        try: 1 / 0
        except ZeroDivisionError: log.exception("it failed")
        """)
    _, stdout, stderr = plain(scripts.folder / "script.py")
    assert (run.stdout, run.stderr) == (stdout, stderr)
    logs = run.of(Log)
    assert [(log.level, log.logger) for log in logs] == [
        ("WARNING", "root"), ("INFO", "my.module"), ("ERROR", "my.module"), ("ERROR", "my.module")
    ]  # fmt: skip
    assert logs[1].message == "hello 5"
    assert logs[2].message.startswith("'wrong %d'")
    assert "ZeroDivisionError: division by zero" in logs[3].message


def test_a_library_that_does_not_propagate_is_heard_too_each_record_once(scripts: Scripts) -> None:
    run = scripts.run("""
        import logging
        library = logging.getLogger("library")
        library.propagate = False
        library.addHandler(logging.NullHandler())
        library.warning("kept to itself")
        logging.getLogger("library.part").error("a child's")
        class Counting(logging.Logger):
            def callHandlers(self, record): super().callHandlers(record)
        logging.setLoggerClass(Counting)
        counting = logging.getLogger("counting")
        counting.addHandler(logging.NullHandler())
        counting.warning("a class of its own")
        """)
    assert [(log.logger, log.message) for log in run.of(Log)] == [
        ("library", "kept to itself"), ("library.part", "a child's"), ("counting", "a class of its own")
    ]  # fmt: skip


def test_a_log_event_comes_after_what_its_thread_printed_before(scripts: Scripts) -> None:
    run = scripts.run("""
        import logging
        for i in range(500): print(i)
        logging.getLogger("quiet").warning("now")
        """)
    log = run.of(Log)[0]
    before = "".join(event.text + event.end for event in run.of(Output) if event.seq < log.seq)
    assert before == "".join(f"{i}\n" for i in range(500))


def test_warnings_and_broken_threads_print_as_ever(scripts: Scripts) -> None:
    text = """
        import threading, warnings
        warnings.warn("old")
        thread = threading.Thread(target=lambda: 1 / 0, name="worker")
        thread.start(); thread.join()
        """
    run = scripts.run(text)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")


def test_what_exit_functions_print_is_the_last_event(scripts: Scripts) -> None:
    run = scripts.run("import atexit; atexit.register(print, 'bye'); print('main')")
    assert [text for text, _ in output(run)] == ["main", "bye"]


def test_output_and_logs_belong_to_the_operator_whose_threads_they_come_from(scripts: Scripts) -> None:
    run = scripts.run("""
        import logging, threading
        from concurrent.futures import ThreadPoolExecutor
        from sage.core.api.local_environment import LocalEnvironment
        from sage.core.api.function.map_function import MapFunction
        from sage.core.api.function.sink_function import SinkFunction
        from sage.core.api.service.base_service import BaseService
        class Ask(BaseService):
            def ask(self): print("from the service")
        class Helped(MapFunction):
            def __init__(self): super().__init__(); print("from the constructor")
            def execute(self, data):
                self.call_service["ask"].ask()
                thread = threading.Thread(target=print, args=("from its thread",))
                thread.start(); thread.join()
                with ThreadPoolExecutor(1) as pool: pool.submit(logging.getLogger("quiet").error, "from its pool")
                return data
        class Show(SinkFunction):
            def execute(self, data): print("from the sink")
        environment = LocalEnvironment("p")
        environment.register_service("ask", Ask)
        environment.from_batch([1]).map(Helped).sink(Show)
        environment.submit(autostop=True)
        print("from the script")
        """)
    sources = {event.text: (event.pipeline, event.source) for event in run.of(Output)}
    assert sources["from the constructor"] == ("p", "Helped")
    assert sources["from the service"] == ("p", "ask")
    assert sources["from its thread"] == ("p", "Helped")
    assert sources["from the sink"] == ("p", "Show")
    assert sources["from the script"] == (None, None)
    (log,) = (log for log in run.of(Log) if log.logger == "quiet")
    assert (log.pipeline, log.source) == ("p", "Helped")


def test_what_is_written_to_the_descriptors_by_hand_keeps_its_place(scripts: Scripts) -> None:
    run = scripts.run(r"""
        import os, sys
        print("one", flush=True)
        os.write(1, b"two \xff, ")
        print("three", flush=True)
        os.write(1, b"y" * 200_000)
        print("\nfour", flush=True)
        os.write(2, b"five\n")
    """)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")


def test_a_descriptor_that_was_turned_elsewhere_is_written_there(scripts: Scripts) -> None:
    run = scripts.run(r"""
        import os
        os.dup2(os.open("elsewhere", os.O_WRONLY | os.O_CREAT), 1)
        assert os.write(1, b"to the file") == 11
        print("to the stream")
        try: os.write(1, "text")
        except TypeError as error: print(error)
    """)
    assert run.stdout == "to the stream\na bytes-like object is required, not 'str'\n"
    assert (scripts.folder / "elsewhere").read_bytes() == b"to the file"
