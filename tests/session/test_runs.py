"""A run from its start to its end, whatever the worker does."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.heard import QUICK, Heard, wait_for
from support.waiting import SOON

from sage_runtime.events import (
    Event,
    Failure,
    Notice,
    OperatorStats,
    Output,
    PipelineFinished,
    RunStarted,
    ServiceStats,
)
from sage_tui.session import Session

Start = Callable[..., tuple[Session, Heard]]


def gone(pid: int) -> bool:
    """Whether a process has ended (or is a zombie that somebody will reap)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_run_begins_with_run_started_and_ends_with_run_finished(start: Start) -> None:
    session, heard = start("w.say('hello')")
    finished = heard.finished()
    assert [event.type for event in heard.events] == ["run_started", "output", "run_finished"]
    assert (finished.status, finished.exit_code, finished.signal) == ("finished", 0, None)
    assert session.wait(0) == finished
    assert session.exit_status() == 0


def test_run_started_names_script_arguments_and_interpreter(start: Start) -> None:
    session, heard = start("w.say(repr(__import__('sys').argv[1:]))", argv=("a", "--b"))
    heard.finished()
    started = heard.events[0]
    assert isinstance(started, RunStarted)
    assert started.script.endswith("work/script.py")
    assert started.argv == ("a", "--b")
    assert started.python == session.python == sys.executable
    assert started.reason == "start"
    assert "['a', '--b']" in heard.text()


def test_numbers_are_gapless_though_the_session_adds_events(start: Start) -> None:
    _, heard = start(
        """
import os
for i in range(50):
    w.say(f"event {i}")
    w.flush(i)
    os.write(1, f"raw {i}\\n".encode())
"""
    )
    heard.finished()
    assert [event.seq for event in heard.events] == list(range(len(heard.events)))
    assert [json.loads(line)["seq"] for line in heard.lines] == list(range(len(heard.events)))
    assert heard.text() == "".join(f"event {i}\nraw {i}\n" for i in range(50))


def test_print_child_print_appear_in_this_order(start: Start) -> None:
    _, heard = start(
        """
import subprocess
for i in range(20):
    w.say(f"before {i}")
    w.flush(i)
    subprocess.run(["sh", "-c", f"echo child {i}; echo oops {i} >&2"])
    w.say(f"after {i}")
"""
    )
    heard.finished()
    assert heard.text(stream="stdout") == "".join(f"before {i}\nchild {i}\nafter {i}\n" for i in range(20))
    assert heard.text(stream="stderr") == "".join(f"oops {i}\n" for i in range(20))


def test_raw_output_of_several_megabytes_arrives_complete(start: Start) -> None:
    _, heard = start(
        "import subprocess; subprocess.run(['seq', '1', '400000']); w.say('done')",
    )
    heard.finished()
    assert heard.text() == "".join(f"{i}\n" for i in range(1, 400001)) + "done\n"


def test_bytes_that_are_not_utf8_are_kept(start: Start) -> None:
    _, heard = start("import os; os.write(1, bytes(range(256)))")
    heard.finished()
    assert heard.text().encode("utf-8", "surrogateescape") == bytes(range(256))


def test_an_unfinished_line_is_heard_while_the_worker_waits(start: Start) -> None:
    session, heard = start("import os; os.write(1, 'wie heißt du? '.encode()); w.wait_stop()")
    event = heard.said("wie heißt du? ")
    assert isinstance(event, Output)
    assert event.end == ""
    session.close()


def test_a_character_is_never_split(start: Start) -> None:
    _, heard = start(
        """
import os, time
data = "ü€😀".encode()
for i in range(len(data)):
    os.write(1, data[i:i+1])
    time.sleep(0.07)
"""
    )
    heard.finished()
    assert heard.text() == "ü€😀"


def test_a_script_that_exits_with_a_status_passes_it_on(start: Start) -> None:
    session, heard = start("raise SystemExit(3)")
    finished = heard.finished()
    assert (finished.status, finished.exit_code) == ("failed", 3)
    assert session.exit_status() == 3


def test_a_killed_worker_is_named_with_its_signal_and_its_pipelines_fail(start: Start) -> None:
    session, heard = start(
        """
import os, signal
w.submit("first"); w.submit("done")
w.event("operator_stats", pipeline="first", operator="Source", records_out=7, state="running")
w.event("operator_stats", pipeline="first", operator="Source", records_out=9, state="running")
w.event("service_stats", pipeline="first", service="s", method="m", calls=4)
w.event("pipeline_finished", pipeline="done", status="finished", duration=0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    finished = heard.finished()
    assert (finished.status, finished.exit_code, finished.signal) == ("failed", None, "SIGKILL")
    failure = next(event for event in heard.events if isinstance(event, Failure))
    assert failure.kind == "worker"
    assert "SIGKILL" in failure.message
    last = [event for event in heard.events if isinstance(event, OperatorStats) and event.operator == "Source"][-1]
    assert (last.records_out, last.incomplete, last.state) == (9, True, "failed")
    services = [event for event in heard.events if isinstance(event, ServiceStats)]
    assert (services[-1].calls, services[-1].incomplete) == (4, True)
    ends = [event for event in heard.events if isinstance(event, PipelineFinished)]
    assert [(end.pipeline, end.status) for end in ends] == [("done", "finished"), ("first", "failed")]
    assert session.exit_status() == 1
    assert heard.events[-1] is finished


def test_a_segfault_comes_with_what_faulthandler_wrote(start: Start) -> None:
    _, heard = start(
        """
import os, signal
open(w.config["logs"] + f"/fault-{w.run}.log", "w").write("Fatal Python error: Segmentation fault\\n")
os.kill(os.getpid(), signal.SIGSEGV)
"""
    )
    assert heard.finished().signal == "SIGSEGV"
    failure = next(event for event in heard.events if isinstance(event, Failure))
    assert "SIGSEGV" in failure.message
    assert "Fatal Python error" in failure.traceback


def test_a_process_that_ends_at_once_before_there_was_a_pipeline_is_a_failure_too(start: Start) -> None:
    session, heard = start("import os; os._exit(6)")
    finished = heard.finished()
    assert (finished.status, finished.exit_code, finished.errors) == ("failed", 6, 1)
    failure = next(event for event in heard.events if isinstance(event, Failure))
    assert "ended at once with status 6" in failure.message
    assert session.exit_status() == 6


def test_a_process_that_vanishes_from_its_pipelines_has_not_finished_them_even_with_status_0(start: Start) -> None:
    session, heard = start("w.submit(); import os; os._exit(0)")
    finished = heard.finished()
    assert (finished.status, finished.exit_code) == ("failed", 0)
    failure = next(event for event in heard.events if isinstance(event, Failure))
    assert "while pipelines were running" in failure.message
    assert [event.status for event in heard.events if isinstance(event, PipelineFinished)] == ["failed"]
    assert session.exit_status() == 1


def test_a_process_that_vanishes_without_a_word_is_a_failure(start: Start) -> None:
    _, heard = start("w.submit(); import os; os._exit(5)")
    assert heard.finished().exit_code == 5
    failure = next(event for event in heard.events if isinstance(event, Failure))
    assert "status 5" in failure.message


def test_a_failed_pipeline_fails_the_run_though_the_script_ends_well(start: Start) -> None:
    session, heard = start("w.submit(); w.event('pipeline_finished', pipeline='p', status='failed', duration=1.0)")
    assert heard.finished().status == "failed"
    assert session.exit_status() == 1


def test_the_run_ends_with_its_process_though_a_grandchild_holds_the_pipes(start: Start) -> None:
    session, heard = start(
        """
import subprocess
child = subprocess.Popen(["sleep", "600"])
w.say(str(child.pid))
"""
    )
    heard.finished()
    pid = int(heard.text())
    session.close()
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")
def test_a_daemon_that_left_the_process_group_is_ended_too(start: Start) -> None:
    session, heard = start(
        """
import subprocess
code = "import subprocess as s; print(s.Popen(['sleep', '600'], start_new_session=True, stdout=s.DEVNULL).pid)"
w.say(subprocess.check_output([__import__("sys").executable, "-S", "-c", code], start_new_session=True).decode())
w.wait_stop()
"""
    )
    heard.until(lambda event: isinstance(event, Output))
    pid = int(heard.text().split()[0])
    assert not gone(pid)
    session.close()
    assert gone(pid)


def test_other_children_of_this_process_are_left_alone(start: Start) -> None:
    mine = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 42"], os.environ)
    session, heard = start("w.say('x')")
    heard.finished()
    session.close()
    assert os.waitstatus_to_exitcode(os.waitpid(mine, 0)[1]) == 42


def test_stop_asks_first(start: Start) -> None:
    session, heard = start(
        """
w.submit()
try:
    w.say("up")
    w.wait_stop()
    import time; time.sleep(60)
except KeyboardInterrupt:
    w.say("closing in good order")
    w.event("pipeline_finished", pipeline="p", status="stopped", duration=1.0)
"""
    )
    heard.said("up")
    session.stop()
    assert heard.finished().status == "stopped"
    assert "closing in good order" in heard.text()
    assert session.exit_status() == 0


def test_a_worker_that_ignores_everything_is_killed_and_reads_to_the_end(start: Start) -> None:
    session, heard = start(
        """
import os, signal
w.ignore_stop = True
w.submit()
def terminated(*_):
    w.say("terminated")
signal.signal(signal.SIGTERM, terminated)
w.say("up")
while True:
    pass
""",
        stop_times=QUICK,
    )
    heard.said("up")
    session.stop()
    finished = heard.finished()
    assert (finished.status, finished.signal) == ("stopped", "SIGKILL")
    assert "terminated" in heard.text()
    assert not any(isinstance(event, Failure) for event in heard.events)
    ends = [event for event in heard.events if isinstance(event, PipelineFinished)]
    assert [end.status for end in ends] == ["stopped"]


def test_a_worker_blocked_on_a_full_pipe_can_be_stopped(start: Start) -> None:
    session, heard = start("w.say('up')\nwhile True:\n    w.say('x' * 1000)")
    heard.said("xxx")
    session.stop()
    assert heard.finished().status == "stopped"


def test_a_suspended_worker_can_be_stopped(start: Start) -> None:
    session, heard = start("w.say('up')\nw.wait_stop()", stop_times=QUICK)
    heard.said("up")
    session.signal(signal.SIGSTOP)
    session.stop()
    assert heard.finished().status == "stopped"


def test_a_forwarded_interrupt_that_ends_the_script_is_a_stop(start: Start) -> None:
    session, heard = start(
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); w.say('up'); time.sleep(60)"
    )
    heard.said("up")
    session.signal(signal.SIGINT)
    finished = heard.finished()
    assert (finished.status, finished.signal) == ("stopped", "SIGINT")


def test_close_leaves_no_process_and_may_be_called_twice(start: Start) -> None:
    session, heard = start("import os; w.say(str(os.getpid())); w.wait_stop()")
    heard.until(lambda event: isinstance(event, Output))
    session.close()
    session.close()
    assert gone(int(heard.text().split()[0]))
    assert heard.finished().status == "stopped"
    assert session.snapshot().current.phase == "stopped"
    assert session.lines("output").count() == 1


def test_what_is_no_event_is_noticed_once_and_left_out(start: Start) -> None:
    _, heard = start("w.raw(b'garbage\\n{}\\n'); w.say('still here')")
    heard.finished()
    assert len([event for event in heard.events if isinstance(event, Notice)]) == 1
    assert "still here" in heard.text()
    assert [event.seq for event in heard.events] == list(range(len(heard.events)))


def test_an_interpreter_that_cannot_run_the_worker_is_a_failure(start: Start, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no worker here >&2\nexit 9\n")
    python.chmod(0o755)
    session, heard = start("", python=str(python))
    finished = heard.finished()
    assert (finished.status, finished.exit_code) == ("failed", 9)
    assert "no worker here" in heard.text(stream="stderr")
    assert any(isinstance(event, Failure) and "before it could run" in event.message for event in heard.events)
    assert session.exit_status() == 9


def test_an_interpreter_that_ends_well_without_running_the_worker_is_a_failure_too(
    start: Start, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    session, heard = start("", python=str(python))
    assert heard.finished().status == "failed"
    assert any(isinstance(event, Failure) and "before it could run" in event.message for event in heard.events)
    assert session.exit_status() == 1


def test_an_interpreter_that_cannot_be_executed_is_a_failure(start: Start, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not a program")
    python.chmod(0o755)
    _, heard = start("", python=str(python))
    assert heard.finished().status == "failed"
    assert any(isinstance(event, Failure) and "could not be started" in event.message for event in heard.events)


def test_an_end_is_noticed_where_the_system_has_no_pidfd(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pidfd(pid: int) -> int:
        raise OSError("no pidfd here")

    monkeypatch.setattr(os, "pidfd_open", no_pidfd)
    session, heard = start("w.say('hello'); w.wait_stop()")
    heard.said("hello")
    session.stop()
    assert heard.finished().status == "stopped"


def test_a_listener_that_blocks_holds_back_neither_snapshots_nor_the_end(start: Start) -> None:
    session, heard = start("w.submit()\nwhile True:\n    w.say('x' * 1000)")
    release = threading.Event()

    def block(line: bytes, event: Event) -> None:
        if event.run == 2:
            release.wait(SOON)

    heard.said("xxx")
    session.subscribe(block)
    session.reload()
    heard.until(lambda event: isinstance(event, RunStarted) and event.run == 2)
    assert session.snapshot().current.run == 2
    session.stop()
    release.set()
    assert heard.finished(2).status == "stopped"


def test_a_listener_that_raises_ends_the_run(start: Start) -> None:
    session, heard = start("w.say('one'); w.wait_stop()")
    heard.said("one")

    def fail(line: bytes, event: Event) -> None:
        raise RuntimeError("a bug in a listener")

    session.subscribe(fail)
    session.reload()
    finished = heard.finished(1)
    assert finished.status == "stopped"
    wait_for(lambda: session.snapshot().current.run == 2 and session.snapshot().current.phase == "failed")
    assert session.lines("failure").read(0, 1)[0].text == (
        "reader: sage-tui could not continue reading the run: RuntimeError: a bug in a listener"
    )


def test_snapshot_is_the_same_object_while_nothing_changes(start: Start) -> None:
    session, heard = start("w.say('up')")
    heard.finished()
    session.close()
    assert session.snapshot() is session.snapshot()


def test_the_environment_is_passed_unchanged(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "yes")
    _, heard = start("import os, json; w.say(json.dumps(dict(os.environ)))")
    heard.finished()
    theirs = json.loads(heard.text())
    ours = dict(os.environ)
    for name in ("LC_CTYPE", "COLUMNS", "LINES"):  # Python, in the C locale, and readline set them for themselves
        theirs.pop(name, None)
        ours.pop(name, None)
    assert theirs == ours


def test_descriptors_are_not_leaked_by_runs(start: Start) -> None:
    session, heard = start("w.say('x')")
    heard.finished()
    session.reload()
    heard.finished(2)
    before = open_descriptors()
    for run in range(3, 8):
        session.reload()
        heard.finished(run)
    session.close()
    assert open_descriptors() <= before
