"""Processes that a script starts: their output comes in its place, and they hold nothing of the worker's."""

from __future__ import annotations

import os
import signal

import pytest
from support.workers import Scripts, plain

STARTS = {
    "subprocess.run": "subprocess.run(['echo', 'child'])",
    "os.system": "os.system('echo child')",
    "os.popen": "sys.stdout.write(os.popen('echo child').read())",
    "os.posix_spawn": "os.waitpid(os.posix_spawn('/bin/echo', ['echo', 'child'], os.environ), 0)",
    "os.spawnlp": "os.spawnlp(os.P_WAIT, 'echo', 'echo', 'child')",
    "a fork": "os.fork() or (print('child'), sys.stdout.flush(), os._exit(0)); os.wait()",
    "a fork that execs": "os.fork() or os.execlp('echo', 'echo', 'child'); os.wait()",
    "a forked process of multiprocessing": """
        process = multiprocessing.get_context('fork').Process(target=print, args=('child',))
        process.start(); process.join()
    """,
    "a spawned process of multiprocessing": """
        process = multiprocessing.get_context('spawn').Process(target=print, args=('child',))
        process.start(); process.join()
    """,
    "a process of a fork server": """
        process = multiprocessing.get_context('forkserver').Process(target=print, args=('child',))
        process.start(); process.join()
    """,
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_a_child_prints_in_its_place(scripts: Scripts, start: str) -> None:
    indented = "\n".join("    " + line.removeprefix(" " * 8) for line in start.strip("\n ").split("\n"))
    text = (
        "import multiprocessing, os, subprocess, sys\n"
        "if __name__ == '__main__':\n"
        "    for i in range(3): print('before', i)\n"
        "    print('same line: ', end='')\n"
        f"{indented}\n"
        "    print('after')\n"
    )
    run = scripts.run(text)
    assert run.status == 0
    assert run.stderr == ""
    assert run.stdout == "before 0\nbefore 1\nbefore 2\nsame line: child\nafter\n"


def test_exec_replaces_the_script(scripts: Scripts) -> None:
    run = scripts.run("import os; print('before'); os.execlp('echo', 'echo', 'instead')")
    assert (run.status, run.stdout) == (0, "before\ninstead\n")


def test_a_forked_child_goes_on_as_plain_python(scripts: Scripts) -> None:
    run = scripts.run("""
        import atexit, logging, os, sys, threading
        atexit.register(lambda: print("exit function of", "child" if os.getpid() != parent else "parent"))
        parent = os.getpid()
        for i in range(500): print(i)
        print("half a line", end="")
        if os.fork() == 0:
            print("in the child")
            logging.warning("a warning")
            thread = threading.Thread(target=print, args=("in its thread",))
            thread.start(); thread.join()
            sys.stdout.buffer.write(b"bytes\\n")
            raise ValueError("of the child")
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        """)
    assert run.status == 0
    lines = run.stdout.splitlines()
    assert lines[:500] == [str(i) for i in range(500)]
    assert lines[500:] == [
        "half a linein the child", "in its thread", "bytes", "exit function of child", "1", "exit function of parent"
    ]  # fmt: skip
    assert run.stderr.startswith("WARNING:root:a warning\nTraceback (most recent call last):\n")
    assert run.stderr.endswith("ValueError: of the child\n")
    assert run.failures == []


def test_a_forked_child_writes_whole_lines_and_what_it_flushes(scripts: Scripts) -> None:
    run = scripts.run("""
        import os, sys
        for end in ("", "\\n", "flushed"):
            if os.fork() == 0:
                sys.stdout.write("half ")
                sys.stdout.write(end)
                if end == "flushed": sys.stdout.flush()
                os._exit(0)
            os.wait()
        """)
    assert run.status == 0
    assert run.stdout == "half \nhalf flushed"


def test_a_fork_while_other_threads_print_does_not_hang(scripts: Scripts) -> None:
    run = scripts.run("""
        import os, threading
        stop = threading.Event()
        def flood(me):
            while not stop.is_set(): print(f"noise {me}\\n", end="")
        threads = [threading.Thread(target=flood, args=(me,)) for me in range(3)]
        for thread in threads: thread.start()
        for i in range(20):
            if os.fork() == 0:
                print("child", i, flush=True)
                os._exit(0)
            os.wait()
        stop.set()
        """)
    assert run.status == 0
    assert [line for line in run.stdout.splitlines() if "child" in line] == [f"child {i}" for i in range(20)]


def test_a_daemon_child_does_not_hold_the_event_pipe(scripts: Scripts) -> None:
    run = scripts.run("""
        import os, subprocess, time
        null = subprocess.DEVNULL
        sleep = subprocess.Popen(["sleep", "3600"], stdin=null, stdout=null, stderr=null, close_fds=False)
        if (daemon := os.fork()) == 0:
            os.setsid()
            os.close(0); os.close(1); os.close(2)
            time.sleep(3600); os._exit(0)
        print(sleep.pid, daemon)
        """)
    for pid in run.stdout.split():
        os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_runs_functions_of_a_script_that_uses_sage(scripts: Scripts, method: str) -> None:
    run = scripts.run(
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from sage.core.api.function.map_function import MapFunction
        class Double(MapFunction):
            def execute(self, data): return 2 * data
        def double(n): return Double().execute(n)
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                print(list(pool.map(double, range(5))))
            with context.Pool(1) as pool:
                print(pool.map(Double().execute, [7]))
        """
    )
    assert run.stderr == ""
    assert run.stdout == "[0, 2, 4, 6, 8]\n[14]\n"


def test_a_threads_child_comes_after_what_its_thread_printed(scripts: Scripts) -> None:
    run = scripts.run("""
        import subprocess, threading
        def work(me):
            for i in range(5):
                print(me, "before", i)
                subprocess.run(["echo", f"{me} child {i}"])
                print(me, "after", i)
        threads = [threading.Thread(target=work, args=(me,)) for me in "ab"]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """)
    for me in "ab":
        mine = [line for line in run.stdout.splitlines() if line.startswith(me)]
        assert mine == [f"{me} {word} {i}" for i in range(5) for word in ("before", "child", "after")]


def test_the_environment_of_children_is_the_scripts_own(scripts: Scripts) -> None:
    script = "import json, os, subprocess, sys\nprint(json.dumps(dict(os.environ)), flush=True)\n" + (
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.path)'])"
    )
    run = scripts.run(script)
    assert (run.status, run.stdout) == plain(scripts.folder / "script.py", folder=scripts.folder)[:2]


FORKS = {
    "returns": ("return value", 0, ""),
    "exits": ("sys.exit(3)", 3, ""),
    "raises": ("raise ValueError('of the child')", 1, "ValueError: of the child"),
}


@pytest.mark.parametrize("place", ["source", "map", "flatmap", "service"])
@pytest.mark.parametrize(("ending", "status", "error"), FORKS.values(), ids=FORKS.keys())
def test_a_child_that_is_forked_inside_the_pipeline_ends_where_it_leaves_its_function(
    scripts: Scripts, place: str, ending: str, status: int, error: str
) -> None:
    run = scripts.run(f"""
        import os, sys
        from sage.core.api.function.batch_function import BatchFunction
        from sage.core.api.function.flatmap_function import FlatMapFunction
        from sage.core.api.function.map_function import MapFunction
        from sage.core.api.function.sink_function import SinkFunction
        from sage.core.api.local_environment import LocalEnvironment

        def maybe_fork(place, value):
            if place == {place!r} and value == 2:
                pid = os.fork()
                if pid == 0:
                    print("in the child", flush=True)
                    {ending}
                print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return value

        class Numbers(BatchFunction):
            last = 0
            def execute(self):
                self.last += 1
                return maybe_fork("source", self.last) if self.last <= 5 else None

        class Map(MapFunction):
            def execute(self, value):
                return maybe_fork("map", self.call_service["svc"].process(value))

        class FlatMap(FlatMapFunction):
            def execute(self, value):
                yield maybe_fork("flatmap", value)

        class Service:
            def process(self, value):
                return maybe_fork("service", value)

        class Sink(SinkFunction):
            def execute(self, value):
                print("got", value)

        env = LocalEnvironment("forks")
        env.register_service("svc", Service)
        env.from_batch(Numbers).map(Map).flatmap(FlatMap).sink(Sink)
        env.submit(autostop=True)
        """)
    assert run.status == 0
    lines = [line for line in run.stdout.splitlines() if line.startswith(("got", "in the child", "status"))]
    assert sorted(lines) == ["got 1", "got 2", "got 3", "got 4", "got 5", "in the child", f"status {status}"]
    assert error in run.stderr
    assert run.failures == []
