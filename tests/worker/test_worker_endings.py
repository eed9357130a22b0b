"""How a run ends: exit statuses, tracebacks byte for byte, failures, and what comes last."""

from __future__ import annotations

import os
import signal

import pytest
from support.workers import Run, Scripts, plain

from sage_runtime.events import FilesWritten, Log, Output, PipelineFinished


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "import sys; sys.exit()",
        "import sys; sys.exit(0)",
        "import sys; sys.exit(7)",
        "import sys; sys.exit(-1)",
        "import sys; sys.exit(True)",
        "import sys; sys.exit(300)",
        "import sys; sys.exit('a message')",
        "import sys; sys.exit(('a', 'tuple'))",
        "raise SystemExit",
        "exit(4)",
        "raise ValueError('wrong')",
        "raise ValueError('two\\nlines')",
        "class Own(Exception): pass\nraise Own",
        "assert False, 'so not'",
        "raise GeneratorExit",
        "1 +",
        "def f():\n  return 1\n   x",
        "x = '",
        "import not_there_at_all",
        "from os import not_there",
        "import asyncio\nasync def main(): raise KeyError('inside')\nasyncio.run(main())",
    ],
)
def test_a_script_ends_as_in_plain_python(scripts: Scripts, ending: str) -> None:
    run = scripts.run(f"print('begin')\n{ending}\n")
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")


TRACEBACKS = {
    "a cause": """
        def inner(): return {}["key"]
        try: inner()
        except KeyError as error: raise RuntimeError("outer") from error
    """,
    "a context": """
        try: 1 / 0
        except ZeroDivisionError: [][0]
    """,
    "no context": """
        try: 1 / 0
        except ZeroDivisionError: raise TypeError("alone") from None
    """,
    "a group": """
        def fail(n): raise ValueError(n)
        errors = []
        for n in range(3):
            try: fail(n)
            except ValueError as error: errors.append(error)
        raise ExceptionGroup("several", errors)
    """,
    "notes": """
        error = ValueError("noted")
        error.add_note("a note")
        raise error
    """,
    "a module": """
        import json
        json.loads("{")
    """,
    "an encoding error in print": """
        print("\\ud800")
    """,
    "a hook": """
        import sys
        sys.excepthook = lambda kind, error, trace: print("hooked", kind.__name__, trace.tb_lineno, file=sys.stderr)
        raise ValueError
    """,
    "an exception without a message": """
        class Silent(Exception):
            def __str__(self): raise ValueError
        raise Silent
    """,
}


@pytest.mark.parametrize("text", TRACEBACKS.values(), ids=TRACEBACKS.keys())
def test_tracebacks_read_byte_for_byte_as_in_plain_python(scripts: Scripts, text: str) -> None:
    run = scripts.run(text)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")


def test_a_relative_path_is_shown_as_python_shows_it(scripts: Scripts) -> None:
    scripts.write("import sys; print(sys.argv, __file__, sys.path[0]); 1 / 0", "sub/s.py")
    for name in ("sub/s.py", "./sub/s.py", "sub/../sub/s.py"):
        with Run(name, "a", folder=scripts.folder) as run:
            run.end()
            assert (run.status, run.stdout, run.stderr) == plain(name, "a", folder=scripts.folder)


def test_an_uncaught_exception_is_a_failure_with_its_place(scripts: Scripts) -> None:
    run = scripts.run("""
        import json
        def load(): json.loads("{")
        load()
        """)
    (failure,) = run.failures
    assert (failure.kind, failure.exception, failure.line) == ("script", "JSONDecodeError", 3)
    assert failure.file == str(scripts.folder / "script.py")
    assert failure.message.startswith("Expecting property name")
    assert failure.traceback == run.stderr
    assert failure.source is None


def test_a_syntax_error_is_a_failure_with_its_place(scripts: Scripts) -> None:
    run = scripts.run("x = 1\ny = (\n")
    (failure,) = run.failures
    assert (failure.exception, failure.line) == ("SyntaxError", 2)
    assert failure.file == str(scripts.folder / "script.py")


def test_an_exit_is_no_failure(scripts: Scripts) -> None:
    assert scripts.run("import sys; sys.exit(3)").failures == []


def test_the_states_of_a_run(scripts: Scripts) -> None:
    assert scripts.run("print('x')").states == ["starting", "running"]
    assert scripts.run("print('x')", paused=True).states == ["starting", "paused"]


def test_a_script_that_is_not_there(scripts: Scripts) -> None:
    with Run("nowhere.py", folder=scripts.folder) as run:
        run.end()
        assert (run.status, run.stdout, run.stderr) == plain("nowhere.py", folder=scripts.folder)


def test_recursion_to_the_limit(scripts: Scripts) -> None:
    run = scripts.run("def f(): f()\nf()\n")
    assert run.status == 1
    assert run.stderr.endswith("RecursionError: maximum recursion depth exceeded\n")
    assert run.failures[0].exception == "RecursionError"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os._exit(9)", 9),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_what_was_printed_before_a_sudden_end_arrives(scripts: Scripts, end: str, status: int) -> None:
    run = scripts.run(f"import os, signal\nfor i in range(1_000): print(i)\nprint('last words', end='')\n{end}\n")
    assert run.status == status
    assert run.stdout == "".join(f"{i}\n" for i in range(1_000)) + "last words"


def test_a_native_crash_is_logged_with_its_stacks(scripts: Scripts) -> None:
    logs = scripts.folder / "logs"
    logs.mkdir()
    run = scripts.run("import ctypes; ctypes.string_at(0)", logs=str(logs))
    assert run.status == -signal.SIGSEGV
    assert "Segmentation fault" in (logs / "fault-1.log").read_text()


def test_a_good_end_leaves_no_fault_log(scripts: Scripts) -> None:
    logs = scripts.folder / "logs"
    logs.mkdir()
    assert scripts.run("print('fine')", logs=str(logs)).status == 0
    assert list(logs.iterdir()) == []


def test_threads_of_the_script_end_before_its_exit_functions_run(scripts: Scripts) -> None:
    text = """
        import atexit, threading, time, concurrent.futures
        atexit.register(print, "exit function")
        pool = concurrent.futures.ThreadPoolExecutor(2)
        pool.submit(print, "pool")
        go = threading.Event()
        def late():
            go.wait()
            print("thread")
            threading.Thread(target=print, args=("its thread",)).start()
        threading.Thread(target=late).start()
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        print("main")
        go.set()
        """
    run = scripts.run(text)
    assert run.status == 0
    assert run.stdout.splitlines()[-1] == "exit function"
    assert sorted(run.stdout.splitlines()) == ["exit function", "its thread", "main", "pool", "thread"]


def test_what_finalizers_print_at_the_very_end_is_not_lost(scripts: Scripts) -> None:
    text = "class Late:\n    def __del__(self): print('gone', flush=True)\nkeep = Late()\nkeep.me = keep\n"
    run = scripts.run(text)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py")
    assert run.of(Output) == []


PIPELINE = """
    from sage.core.api.local_environment import LocalEnvironment
    from sage.core.api.function.batch_function import BatchFunction
    from sage.core.api.function.sink_function import SinkFunction
    from sage.core.api.function.source_function import SourceFunction
    class Ten(BatchFunction):
        n = 0
        def execute(self):
            self.n += 1
            return self.n if self.n <= 10 else None
    class Forever(SourceFunction):
        def execute(self): return "again"
    class Show(SinkFunction):
        def execute(self, data): print(data)
        def close(self): print("closed")
    environment = LocalEnvironment("p")
"""


def test_a_batch_pipeline_runs_to_its_end_though_the_script_has_returned(scripts: Scripts) -> None:
    run = scripts.run(PIPELINE + "    environment.from_batch(Ten).sink(Show)\n    environment.submit()\n")
    assert run.status == 0
    assert "".join(f"{i}\n" for i in range(1, 11)) + "closed\n" in run.stdout
    assert [event.status for event in run.of(PipelineFinished)] == ["finished"]
    assert {event.source for event in run.of(Output) if event.text.split("\n")[0] == "1"} == {"Show"}


def test_a_stream_is_drained_when_the_script_has_returned(scripts: Scripts) -> None:
    text = PIPELINE + "    environment.from_source(Forever).sink(Show)\n    environment.submit()\n"
    run = scripts.run(text)
    assert run.status == 0
    assert run.stdout.endswith("closed\n")
    assert run.stderr.startswith("sage-tui: the script has ended")


def test_an_exit_after_submit_stops_all(scripts: Scripts) -> None:
    text = PIPELINE + "    environment.from_source(Forever).sink(Show)\n    environment.submit()\n    exit(4)\n"
    run = scripts.run(text, keep_streaming=True)
    assert run.status == 4
    assert [event.status for event in run.of(PipelineFinished)] == ["stopped"]


def test_a_script_may_close_the_descriptors_that_it_does_not_know(scripts: Scripts) -> None:
    run = scripts.run(
        "import os; print('before'); os.closerange(3, 200); print('after'); print(open(__file__).fileno())"
    )
    assert (run.status, run.stdout) == (0, "before\nafter\n3\n")


def test_a_script_that_closes_every_descriptor_is_told(scripts: Scripts) -> None:
    run = scripts.run("import os, time; os.closerange(3, 4096); print('into the void'); time.sleep(3600)")
    assert run.status == 1
    assert "closed the pipes" in run.stderr


def test_a_script_that_closes_every_descriptor_and_ends_has_not_ended_well(scripts: Scripts) -> None:
    run = scripts.run("import os; os.closerange(3, 4096); print('into the void')")
    assert run.status == 1
    assert "closed the pipes" in run.stderr


def test_a_script_that_turns_every_descriptor_to_another_file_is_told(scripts: Scripts) -> None:
    run = scripts.run(
        "import os\nnull = os.open(os.devnull, os.O_RDWR)\n"
        "for descriptor in os.listdir('/dev/fd'):\n    if int(descriptor) > 2: os.dup2(null, int(descriptor))\n"
    )
    assert run.status == 1
    assert "closed the pipes" in run.stderr


def test_a_script_that_deletes_the_hook_for_exceptions_is_told(scripts: Scripts) -> None:
    run = scripts.run("import sys\ndel sys.excepthook\nsys.nothing\n")
    (failure,) = run.failures
    assert (failure.exception, failure.line) == ("AttributeError", 3)


def test_a_very_deep_recursion_is_told_in_time(scripts: Scripts) -> None:
    run = scripts.run("import sys; sys.setrecursionlimit(30_000)\ndef f(): f()\nf()\n")
    (failure,) = run.failures
    assert (failure.exception, failure.line) == ("RecursionError", 2)
    assert len(failure.traceback) < 30_000


def test_what_was_printed_and_logged_before_a_segmentation_fault_is_told(scripts: Scripts) -> None:
    run = scripts.run("""
        import ctypes, logging
        for number in range(100): print("line", number)
        logging.getLogger("sage").warning("nearly there")
        print("no end", end="", flush=True)
        print(" in sight")
        ctypes.string_at(0)
        """)
    assert run.status == -signal.SIGSEGV
    assert run.stdout == "".join(f"line {number}\n" for number in range(100)) + "no end in sight\n"
    assert [log.message for log in run.of(Log)] == ["nearly there"]


def test_what_an_operator_printed_before_it_killed_its_process_is_told(scripts: Scripts) -> None:
    run = scripts.run("""
        import signal
        from sage.core.api.local_environment import LocalEnvironment
        def end(number):
            print("record", number)
            if number == 3: signal.raise_signal(signal.SIGKILL)
        environment = LocalEnvironment("p")
        environment.from_batch([1, 2, 3]).sink(end)
        environment.submit(autostop=True)
        """)
    assert run.status == -signal.SIGKILL
    assert run.stdout.endswith("record 1\nrecord 2\nrecord 3\n")


def test_a_script_that_deletes_its_streams_keeps_what_it_printed(scripts: Scripts) -> None:
    run = scripts.run("import sys; print('before'); del sys.stdout, sys.stderr")
    assert (run.status, run.stdout) == (0, "before\n")


def test_the_files_that_a_script_writes_are_told_once_each(scripts: Scripts) -> None:
    run = scripts.run("""
        import os
        for _ in range(3): open("written.txt", "w").close()
        open("written.txt").close()
        os.rename("written.txt", "renamed.txt")
        descriptor = os.open("low.txt", os.O_WRONLY | os.O_CREAT)
        open(descriptor, "w").close()
        """)
    files = [os.path.basename(file) for message in run.of(FilesWritten) for file in message.files]  # noqa: PTH119
    assert files == ["written.txt", "renamed.txt", "low.txt"]


def test_a_script_that_is_not_utf_8_fails_with_its_line(scripts: Scripts) -> None:
    run = scripts.run(b"x = 1\ny = '\xff'\n")
    (failure,) = run.failures
    assert (failure.exception, failure.file, failure.line) == ("SyntaxError", str(scripts.folder / "script.py"), 2)
