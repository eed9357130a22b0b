"""A stop, an interrupt and a session that has gone: whatever the script is doing, the worker ends."""

from __future__ import annotations

import signal

import pytest
from support.workers import Scripts

from sage_runtime.events import (
    Input,
    InputRequested,
    Output,
    Pause,
    PipelineFinished,
    Resume,
    RunStateChanged,
    Stop,
    WakeMainThread,
)

WAITS = {
    "a sleep": "import time; print('ready', flush=True); time.sleep(3600)",
    "an endless loop": "print('ready')\nwhile True: pass",
    "a lock": "import threading; print('ready'); lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a thread's end": """
        import threading, time
        thread = threading.Thread(target=time.sleep, args=(3600,), daemon=True); thread.start()
        print('ready'); thread.join()
    """,
    "a child process": "import subprocess; print('ready'); subprocess.run(['sleep', '3600'])",
    "an asyncio loop": """
        import asyncio
        async def main():
            print("ready")
            await asyncio.sleep(3600)
        asyncio.run(main())
    """,
    "a flood of output": "print('ready')\nwhile True: print('more')",
}


@pytest.mark.parametrize("text", WAITS.values(), ids=WAITS.keys())
def test_a_stop_ends_the_script_quietly(scripts: Scripts, text: str) -> None:
    run = scripts.start(text)
    run.wait_for_output("ready\n")
    run.send(Stop())
    run.end()
    assert run.status == 130
    assert run.states[-1] == "stopping"
    assert run.stderr == ""
    assert run.failures == []


def test_an_interrupt_that_the_main_thread_has_slept_through_is_noticed(scripts: Scripts) -> None:
    run = scripts.start("""
        import signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # so another thread gets it, and the sleep goes on
        print("ready")
        time.sleep(3600)
    """)
    run.wait_for_output("ready\n")
    run.process.send_signal(signal.SIGINT)
    run.send(WakeMainThread())
    assert run.end().status == 130
    assert "KeyboardInterrupt" in run.stderr


def test_a_nudge_without_an_interrupt_changes_nothing(scripts: Scripts) -> None:
    run = scripts.start("import time; print('ready'); time.sleep(0.3); print(input())", ask_input=True)
    run.wait_for_output("ready\n")
    run.send(WakeMainThread())
    run.wait_for(InputRequested)
    run.send(Input(line="on"))
    assert (run.end().status, run.stdout) == (0, "ready\non\n")


def test_a_stop_ends_a_script_that_waits_for_input(scripts: Scripts) -> None:
    run = scripts.start("input('name? ')", ask_input=True)
    run.wait_for(InputRequested)
    run.send(Stop())
    assert run.end().status == 130


def test_exit_functions_and_finally_run_after_a_stop(scripts: Scripts) -> None:
    run = scripts.start("""
        import atexit, time
        atexit.register(print, "exit function")
        try:
            print("ready")
            time.sleep(3600)
        finally:
            print("finally")
        """)
    run.wait_for_output("ready\n")
    run.send(Stop())
    assert run.end().stdout == "ready\nfinally\nexit function\n"


def test_a_script_that_swallows_the_interrupt_is_interrupted_again(scripts: Scripts) -> None:
    run = scripts.start("""
        import time
        try:
            print("ready"); time.sleep(3600)
        except KeyboardInterrupt:
            print("not yet"); time.sleep(3600)
        """)
    run.wait_for_output("ready\n")
    run.send(Stop())
    run.wait_for_output("not yet\n")
    assert run.end().status == 130


def test_a_script_that_handles_the_interrupt_ends_its_own_way(scripts: Scripts) -> None:
    run = scripts.start("""
        import sys, time
        try:
            print("ready"); time.sleep(3600)
        except KeyboardInterrupt:
            print("good night"); sys.exit(5)
        """)
    run.wait_for_output("ready\n")
    run.send(Stop())
    assert run.end().status == 5
    assert run.stdout == "ready\ngood night\n"


def test_a_stop_before_the_start_runs_nothing(scripts: Scripts) -> None:
    run = scripts.start("print('never')", start=False)
    run.send(Stop())
    assert run.end().stdout == ""


def test_nothing_runs_before_the_start(scripts: Scripts) -> None:
    run = scripts.start("print('never')", start=False)
    run.close_commands()
    run.end()
    assert run.hello.pid == run.process.pid
    assert run.of(Output) == []


@pytest.mark.parametrize("text", [WAITS["a sleep"], WAITS["an endless loop"]], ids=["a sleep", "an endless loop"])
def test_a_worker_whose_session_has_gone_ends(scripts: Scripts, text: str) -> None:
    run = scripts.start(text)
    run.wait_for_output("ready\n")
    run.close_commands()
    run.end()


def test_what_a_script_started_does_not_outlive_a_session_that_has_gone(scripts: Scripts) -> None:
    run = scripts.start("""
        import signal, subprocess, sys
        child = subprocess.Popen(["sleep", "3600"], stdout=sys.stdout)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("ready"); child.wait()
        """)
    run.wait_for_output("ready\n")
    run.close_commands()
    run.end()
    run.wait_for_end_of_stdout()


def test_an_interrupt_from_outside_reads_as_in_python(scripts: Scripts) -> None:
    run = scripts.start("import time\nprint('ready'); exec('while True: time.sleep(0.01)')\n")
    run.wait_for_output("ready\n")
    run.process.send_signal(signal.SIGINT)
    run.end()
    assert run.status == 130
    script = scripts.folder / "script.py"
    assert run.stderr.startswith(f'Traceback (most recent call last):\n  File "{script}", line 2, in <module>\n')
    assert run.stderr.endswith("KeyboardInterrupt\n")
    assert run.failures == []


def test_a_script_may_handle_signals(scripts: Scripts) -> None:
    run = scripts.start("""
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        print("ready")
        while True: time.sleep(0.01)
        """)
    run.wait_for_output("ready\n")
    run.process.terminate()
    assert run.end().status == 1
    assert run.stderr == "terminated\n"


STREAM = """
    from sage.core.api.local_environment import LocalEnvironment
    from sage.core.api.function.source_function import SourceFunction
    from sage.core.api.function.sink_function import SinkFunction
    class Count(SourceFunction):
        n = 0
        def execute(self):
            self.n += 1
            return self.n
    class Show(SinkFunction):
        def execute(self, data): print(data)
        def close(self): print("closed")
    environment = LocalEnvironment("p")
    environment.from_source(Count).sink(Show)
    environment.submit()
"""


def test_a_stream_goes_on_after_the_script_until_it_is_stopped(scripts: Scripts) -> None:
    run = scripts.start(STREAM + "    print('the script is done')", keep_streaming=True)
    run.wait_for_output("the script is done\n")
    run.wait_for_output("1000\n")
    run.send(Stop())
    run.end()
    assert run.status == 130
    assert [event.status for event in run.of(PipelineFinished)] == ["stopped"]
    assert run.stdout.splitlines()[-1] == "closed"


def test_a_stop_reaches_a_script_that_waits_for_its_pipeline(scripts: Scripts) -> None:
    run = scripts.start(STREAM.replace("submit()", "submit(autostop=True)") + "    print('never')")
    run.wait_for_output("1000\n")
    run.send(Stop())
    run.end()
    assert run.status == 130
    assert "never" not in run.stdout


def test_pause_and_resume_are_states_of_the_run(scripts: Scripts) -> None:
    run = scripts.start(STREAM, keep_streaming=True, paused=True)
    run.wait_for(RunStateChanged, lambda event: event.state == "paused")
    run.send(Resume())
    run.wait_for_output("100\n")
    run.send(Pause())
    run.wait_for(RunStateChanged, lambda event: run.states.count("paused") == 2)
    run.send(Stop())
    run.end()
    assert run.states == ["starting", "paused", "running", "paused", "stopping"]
