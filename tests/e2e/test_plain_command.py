"""The real command, `--plain`, through pipes: output, statuses, signals.

What streams that are closed or full, signals and kills do is tried by the catalogue of faults.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Completed, Running, nothing_left, sage_tui
from support.scripts import STREAM, TUTORIAL, written
from support.waiting import SOON, eventually


def plain(folder: Path, text: str, *arguments: str, options: tuple[str, ...] = (), stdin: bytes = b"") -> Completed:
    """Run a script of the common imports and `text` with `--plain`."""
    script = written(folder, "flow.py", text, imports=True)
    return sage_tui("--plain", *options, script.name, *arguments, cwd=folder, stdin=stdin)


def test_the_tutorial_prints_what_its_page_shows(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    written(tmp_path, "hello_service_world.py", TUTORIAL)
    run = sage_tui("--plain", "hello_service_world.py", cwd=tmp_path, SAGE_PROJECT_ROOT=str(root))
    assert run.status == 0
    factory, logs, *rest = run.lines
    assert factory == "ServiceFactory initialized for hello_service with class <class '__main__.HelloService'>"
    folder = Path(logs.removeprefix("JobManager logs: "))
    assert folder.is_dir()
    assert folder.parent == root / ".sage" / "logs" / "jobmanager"
    assert folder.name.startswith("session_")
    pairs = [line for number in range(1, 11) for line in ("hello service!!!", f"Hello, World! #{number}")]
    assert rest == [*pairs, "Hello Service World 示例完成!"]
    assert (folder / "output.log").read_bytes() == run.out


def test_the_summary_is_short_and_only_on_stderr(tmp_path: Path) -> None:
    written(tmp_path, "tutorial.py", TUTORIAL)
    run = sage_tui("--plain", "tutorial.py", cwd=tmp_path)
    summary = run.err.decode().splitlines()
    assert summary[0].startswith("sage-tui: tutorial.py finished in ")
    assert "  hello_service: 10 records in " in run.err.decode()
    assert "  service hello_service: 10 calls" in run.err.decode()
    assert 2 <= len(summary) <= 4
    assert run.err.isascii()


def test_the_bytes_are_the_scripts_own(tmp_path: Path) -> None:
    run = plain(
        tmp_path,
        """
        sys.stdout.write("no newline")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"\\xff\\x00\\x1b[31m\\r50%\\r100%\\n")
        print("四五六")
        print("to the other one", file=sys.stderr)
        sys.stdout.write("the end")
        """,
    )
    assert run.out == b"no newline\xff\x00\x1b[31m\r50%\r100%\n" + "四五六\nthe end".encode()
    assert run.err.startswith(b"to the other one\n")
    assert run.status == 0


def test_what_goes_straight_to_the_descriptors_is_kept(tmp_path: Path) -> None:
    run = plain(tmp_path, 'os.write(1, b"one\\n\\xff"); os.write(2, b"two\\n"); os.write(1, b"three")')
    assert run.out == b"one\n\xffthree"
    assert run.err.startswith(b"two\n")


def test_what_a_child_prints_stands_where_it_was_printed(tmp_path: Path) -> None:
    run = plain(
        tmp_path,
        """
        for number in range(5):
            print("before", number)
            subprocess.run(["echo", "child", str(number)])
            print("after", number)
        """,
    )
    assert run.lines == [f"{who} {number}" for number in range(5) for who in ("before", "child", "after")]


def test_arguments_and_stdin_are_the_scripts(tmp_path: Path) -> None:
    run = plain(tmp_path, "print(sys.argv[1:], input(), sys.stdin.read())", "--plain", "-x", stdin=b"first\nrest")
    assert run.lines == ["['--plain', '-x'] first rest"]


def test_a_great_deal_of_output_arrives_whole(tmp_path: Path) -> None:
    run = plain(tmp_path, 'for number in range(100_000): print(number, "." * 40)')
    assert run.lines == [f"{number} {'.' * 40}" for number in range(100_000)]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("print('done')", 0, ""),
        ("raise ValueError('no good')", 1, "ValueError: no good"),
        ("this is no python", 1, "SyntaxError"),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('sorry')", 1, "sorry"),
    ],
)
def test_the_status_is_the_scripts(text: str, status: int, words: str, tmp_path: Path) -> None:
    run = plain(tmp_path, text)
    assert run.status == status
    assert words in run.err.decode()


FAILING = """
class Numbers(BatchFunction):
    left = 4
    def execute(self):
        self.left -= 1
        return self.left if self.left >= 0 else None

class Divide(MapFunction):
    def execute(self, number):
        return 6 // number

class Show(SinkFunction):
    def execute(self, number):
        print(number)

env = LocalEnvironment("dividing")
env.from_batch(Numbers).map(Divide).sink(Show)
env.submit(autostop=True)
"""


def test_a_failed_record_is_told_and_fails_the_run_only_if_wanted(tmp_path: Path) -> None:
    run = plain(tmp_path, FAILING)
    assert run.status == 0
    assert run.lines[1:] == ["2", "3", "6"]
    assert "1 x ZeroDivisionError in Divide (flow.py:" in run.err.decode()
    assert "  logs: " in run.err.decode()
    assert plain(tmp_path, FAILING, options=("--fail-on-error",)).status == 1


def test_no_such_file_is_status_2(tmp_path: Path) -> None:
    run = sage_tui("--plain", "nowhere.py", cwd=tmp_path)
    assert (run.status, run.out, run.err) == (2, b"", b"sage-tui: no such file: nowhere.py\n")


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with Running("--plain", script, cwd=tmp_path) as command:
        command.line()
        command.close_stdout()
        run = command.end()
        assert (run.status, run.err) == (141, b"")
        nothing_left(script)


def test_an_interrupt_reaches_the_script_and_is_status_130(tmp_path: Path) -> None:
    script = written(
        tmp_path,
        "waiting.py",
        """
        import time
        try:
            print("ready", flush=True)
            while True:
                time.sleep(0.05)  # to Python, a signal just before a sleep comes after it
        except KeyboardInterrupt:
            print("tidied up")
        """,
    )
    with Running("--plain", script, cwd=tmp_path) as command:
        assert command.line() == b"ready"
        command.signal(signal.SIGINT)
        run = command.end()
        assert (run.status, run.out) == (130, b"tidied up\n")
        nothing_left(script)


def test_an_interrupted_stream_ends(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with Running("--plain", script, cwd=tmp_path) as command:
        while command.line() != b"tick 10":  # by then the script's main thread has long begun to wait
            pass
        command.signal(signal.SIGINT)
        run = command.end()
        assert run.status == 130
        assert "sage-tui: stream.py stopped after " in run.err.decode()
        nothing_left(script)


def interrupted(command: Running) -> bool:
    """Interrupt it once more; whether it had ended."""
    command.signal(signal.SIGINT)
    return command.process.poll() is not None


def test_a_second_interrupt_ends_a_script_that_ignores_the_first(tmp_path: Path) -> None:
    script = written(
        tmp_path,
        "stubborn.py",
        """
        import signal, time
        signal.signal(signal.SIGINT, lambda *_: print("not yet", flush=True))
        print("ready", flush=True)
        while True:
            time.sleep(0.05)
        """,
    )
    with Running("--plain", script, cwd=tmp_path) as command:
        assert command.line() == b"ready"
        command.signal(signal.SIGINT)
        assert command.line() == b"not yet"
        eventually(lambda: interrupted(command), "the end, at a signal that is no echo of the first")
        assert command.end().status in (130, -signal.SIGINT)  # one more may come when nobody listens any more
        nothing_left(script)


def test_terminated_it_says_what_was_done(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with Running("--plain", script, cwd=tmp_path) as command:
        command.line()
        command.signal(signal.SIGTERM)
        command.signal(signal.SIGTERM)  # as `timeout` does: its command, and then the command's group
        run = command.end()
        assert run.status == 128 + signal.SIGTERM
        assert "sage-tui: stream.py stopped after " in run.err.decode()
        nothing_left(script)


def test_watched_it_runs_again_on_a_save(tmp_path: Path) -> None:
    script = written(tmp_path, "flow.py", "print('one')")
    with Running("--plain", "--watch", script, script, cwd=tmp_path) as command:
        assert command.line() == b"one"
        script.write_text("print('two')")
        assert command.line() == b"two"
        command.signal(signal.SIGINT)
        run = command.end()
        assert run.status == 130
        assert b"sage-tui: run 2, changed: " in run.err


def test_a_recording_replays_the_same_output(tmp_path: Path) -> None:
    written(tmp_path, "tutorial.py", TUTORIAL)
    live = sage_tui("--plain", "--record", "run.sagerun", "tutorial.py", cwd=tmp_path)
    replayed = sage_tui("--plain", "run.sagerun", cwd=tmp_path)
    assert live.out
    assert replayed.out == live.out
    assert replayed.status == 0


def test_where_a_recording_cannot_be_written_its_runs_are_found_by_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    written(tmp_path, "flow.py", "import os; print('one'); os.rmdir('gone')")
    run = sage_tui("--plain", "--record", "gone/run.sagerun", "flow.py", cwd=tmp_path, SAGE_PROJECT_ROOT=str(tmp_path))
    assert run.status == 1
    *_, told = run.err.decode().splitlines()
    begin, _, folder = told.partition("the runs are kept in ")
    assert begin == "sage-tui: --record: gone/run.sagerun can't be written (No such file or directory): "
    assert sage_tui("--plain", folder, cwd=tmp_path).out == b"one\n"


def test_neither_help_nor_plain_loads_the_dashboards_libraries(tmp_path: Path) -> None:
    written(tmp_path, "flow.py", "print('x')")
    for arguments in (["--help"], ["--version"], ["--plain", "flow.py"], ["--json", "flow.py"]):
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "sage_tui", *arguments],
            cwd=tmp_path,
            capture_output=True,
            timeout=SOON,
            check=True,
        )
        loaded = {line.split("|")[-1].strip().partition(".")[0] for line in run.stderr.decode().splitlines()}
        assert "sage_tui" in loaded
        assert not loaded & {"textual", "watchfiles"}
        assert len(arguments) > 1 or "rich" not in loaded
