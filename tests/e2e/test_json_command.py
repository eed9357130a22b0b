"""The real command, `--json`: the contract of the event stream."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from support.command import COMMAND, Completed, Running, nothing_left, sage_tui
from support.scripts import STREAM, TUTORIAL, written
from support.waiting import SOON

from sage_runtime.events import EVENT_TYPES

Fields = dict[str, Any]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Completed:
    folder = tmp_path_factory.mktemp("json")
    written(folder, "tutorial.py", TUTORIAL)
    return sage_tui("--json", "tutorial.py", "an argument", cwd=folder)


@pytest.fixture(scope="module")
def events(tutorial: Completed) -> list[Fields]:
    return [json.loads(line) for line in tutorial.out.decode().splitlines()]


def of_type(events: list[Fields], name: str) -> list[Fields]:
    return [event for event in events if event["type"] == name]


def test_stdout_is_events_only_and_stderr_is_empty(tutorial: Completed, events: list[Fields]) -> None:
    assert tutorial.status == 0
    assert tutorial.err == b""
    assert {event["type"] for event in events} <= set(EVENT_TYPES)


def test_each_event_has_the_header_and_the_numbers_have_no_gaps(events: list[Fields]) -> None:
    for event in events:
        assert list(event)[:5] == ["type", "run", "t", "worker", "seq"]
        assert (event["run"], event["worker"]) == (1, 0)
        assert isinstance(event["t"], float)
    assert [event["seq"] for event in events] == list(range(len(events)))


def test_the_run_opens_and_closes_the_stream(events: list[Fields]) -> None:
    first, last = events[0], events[-1]
    assert first["type"] == "run_started"
    assert (first["protocol"], first["reason"], first["argv"]) == (1, "start", ["an argument"])
    assert first["script"].endswith("tutorial.py")
    assert last["type"] == "run_finished"
    assert (last["status"], last["exit_code"], last["signal"], last["errors"]) == ("finished", 0, None, 0)


def test_the_pipeline_is_told_before_its_records_and_its_end_after_its_last_totals(events: list[Fields]) -> None:
    types = [event["type"] for event in events]
    submitted, finished = types.index("pipeline_submitted"), types.index("pipeline_finished")
    assert types.index("operator_stats") > submitted
    assert max(at for at, name in enumerate(types) if name in ("operator_stats", "service_stats")) < finished
    assert events[finished]["status"] == "finished"
    pipeline = events[submitted]
    assert [operator["kind"] for operator in pipeline["operators"]] == ["batch", "sink"]
    assert [(edge["source"], edge["target"]) for edge in pipeline["edges"]] == [("HelloBatch", "PrintSink")]
    assert [service["name"] for service in pipeline["services"]] == ["hello_service"]


def test_the_last_totals_are_exact(events: list[Fields]) -> None:
    totals = {event["operator"]: event for event in of_type(events, "operator_stats")}
    assert (totals["HelloBatch"]["records_out"], totals["HelloBatch"]["errors"]) == (10, 0)
    assert (totals["PrintSink"]["records_in"], totals["PrintSink"]["state"]) == (10, "finished")
    assert not totals["PrintSink"]["incomplete"]
    service = of_type(events, "service_stats")[-1]
    assert (service["service"], service["method"], service["calls"]) == ("hello_service", "hello", 10)
    assert service["callers"] == {"PrintSink": 10}


def test_the_shares_of_each_interval_add_up(events: list[Fields]) -> None:
    for event in of_type(events, "operator_stats"):
        shares = event["busy"] + event["waiting"] + event["idle"] + event["blocked"]
        assert shares == pytest.approx(1.0, abs=0.02) or event["state"] in ("starting", "paused")


def test_every_line_names_who_wrote_it(events: list[Fields]) -> None:
    printed: dict[str | None, list[str]] = defaultdict(list)
    for event in of_type(events, "output"):
        printed[event["source"]] += event["text"].split("\n")
    assert printed["hello_service"] == ["hello service!!!"] * 10
    assert printed["PrintSink"] == [f"Hello, World! #{number}" for number in range(1, 11)]
    assert printed[None][-1] == "Hello Service World 示例完成!"


def test_every_call_is_told_with_its_caller_and_its_times(events: list[Fields]) -> None:
    calls = of_type(events, "service_call")
    assert len(calls) == 10
    for call in calls:
        assert (call["service"], call["method"], call["caller"]) == ("hello_service", "hello", "PrintSink")
        assert call["error"] is None
        assert call["duration"] > 0
        assert call["waited"] >= 0


def test_a_failure_tells_record_place_and_traceback(tmp_path: Path) -> None:
    script = written(
        tmp_path,
        "failing.py",
        """
        class Divide(MapFunction):
            def execute(self, number):
                return 6 // number

        env = LocalEnvironment("dividing")
        env.from_batch([3, 0, 2]).map(Divide).print()
        env.submit(autostop=True)
        """,
        imports=True,
    )
    run = sage_tui("--json", script, cwd=tmp_path)
    events = [json.loads(line) for line in run.out.decode().splitlines()]
    assert run.status == 0
    (failure,) = of_type(events, "failure")
    assert (failure["kind"], failure["source"], failure["exception"]) == ("operator", "Divide", "ZeroDivisionError")
    assert failure["record"] == "0"
    assert Path(failure["file"]).name == "failing.py"
    assert script.read_text().splitlines()[failure["line"] - 1].strip() == "return 6 // number"
    assert "ZeroDivisionError" in failure["traceback"]
    assert events[-1]["errors"] == 1


def test_a_run_ended_by_a_signal_says_so(tmp_path: Path) -> None:
    written(tmp_path, "killed.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    run = sage_tui("--json", "killed.py", cwd=tmp_path)
    last = json.loads(run.out.decode().splitlines()[-1])
    assert run.status == 1
    assert (last["type"], last["status"], last["signal"]) == ("run_finished", "failed", "SIGKILL")
    assert b"SIGKILL" in run.err


def test_the_replay_of_a_recording_is_the_same_stream(tmp_path: Path) -> None:
    written(tmp_path, "tutorial.py", TUTORIAL)
    live = sage_tui("--json", "--record", "run.sagerun", "tutorial.py", cwd=tmp_path)
    assert sage_tui("--json", "run.sagerun", cwd=tmp_path).out == live.out


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_terminated_run_is_told_to_its_end(signum: signal.Signals, tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with Running("--json", script, cwd=tmp_path) as command:
        while b'"operator_stats"' not in command.line():
            pass
        command.signal(signum)
        ended = command.end()
        nothing_left(script)
    assert ended.status == 128 + signum
    last = [json.loads(line) for line in ended.lines[-2:]]
    assert [event["type"] for event in last] == ["pipeline_finished", "run_finished"]
    assert [event["status"] for event in last] == ["stopped", "stopped"]


def test_a_recording_counts_the_arguments_and_does_not_hold_them(tmp_path: Path) -> None:
    written(tmp_path, "script.py", "print('here')")
    arguments = ("script.py", "--password", "sesame")
    run = sage_tui("--json", "--record", "run.sagerun", *arguments, cwd=tmp_path, SAGE_PROJECT_ROOT=str(tmp_path))
    assert json.loads(run.lines[0])["argv"] == ["--password", "sesame"]
    replayed = sage_tui("--json", "run.sagerun", cwd=tmp_path)
    assert json.loads(replayed.lines[0])["argv"] == ["…", "…"]
    kept = [path for path in (tmp_path / ".sage").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"sesame" in path.read_bytes() for path in kept)


def test_a_watched_folder_that_its_own_output_is_redirected_to_reloads_nothing(tmp_path: Path) -> None:
    script = written(tmp_path, "script.py", "import sys, time\nprint('here', flush=True)\ntime.sleep(0.7)\n")
    with (tmp_path / "events.jsonl").open("wb") as out, (tmp_path / "errors.txt").open("wb") as err:
        command = [*COMMAND, "--json", "--watch", str(tmp_path), "--exit-on-finish", str(script)]
        subprocess.run(command, stdout=out, stderr=err, cwd=tmp_path, timeout=SOON, check=True)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert {event["run"] for event in events} == {1}
