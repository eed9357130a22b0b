"""What we rely on of the standard library's internals: each of these fails on a Python that has changed it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.workers import PYTHON

import sage_runtime


def printed(script: str, folder: Path) -> str:
    """What a script prints that imports `sage_runtime.stdlib_internals`; its stderr as well."""
    file = folder / "script.py"
    head = f"import sys; sys.path.append({str(Path(sage_runtime.__file__).parents[1])!r})\n"
    file.write_text(head + "from sage_runtime.stdlib_internals import *\n" + textwrap.dedent(script))
    done = subprocess.run(
        [PYTHON, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_python_ends_without_waiting_for_threads_that_are_left(tmp_path: Path) -> None:
    script = "import threading; threading.Thread(target=threading.Event().wait).start(); leave_threads(); print('end')"
    assert printed(script, tmp_path) == "end\n"


def test_the_threads_of_executors_are_known(tmp_path: Path) -> None:
    script = """
        import threading
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        if __name__ == "__main__":
            assert executors_threads() == []
            before = set(threading.enumerate())
            with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1) as processes:
                threads.submit(int).result(), processes.submit(int).result()
                waiting = {thread for thread in threading.enumerate() if not thread.daemon} - before
                print(waiting == set(executors_threads()))
        """
    assert printed(script, tmp_path) == "True\n"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there is an audit event")
def test_the_start_of_a_thread_is_seen_by_its_starter(tmp_path: Path) -> None:
    script = """
        import threading
        def see(target): print(target.__self__ is thread, threading.current_thread() is threading.main_thread())
        before_thread_starts(see)
        thread = threading.Thread(target=print, args=("runs",))
        thread.start(); thread.join()
        """
    assert printed(script, tmp_path) == "True True\nruns\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no audit event")
def test_the_start_of_a_thread_is_an_audit_event_with_its_bootstrap_method(tmp_path: Path) -> None:
    script = """
        import sys, threading
        starts = ("_thread.start_new_thread", "_thread.start_joinable_thread")
        sys.addaudithook(lambda event, args: event in starts and print(args[0].__self__ is thread))
        thread = threading.Thread(target=print, args=("runs",))
        thread.start(); thread.join()
        """
    assert printed(script, tmp_path) == "True\nruns\n"


def test_a_spawned_child_is_seen_and_finds_the_folder(tmp_path: Path) -> None:
    script = """
        import multiprocessing, sys
        def child(): print("child", "/the/folder" in sys.path, flush=True)
        if __name__ == "__main__":
            imported = []
            sys.addaudithook(lambda event, args: imported.append(args[0]) if event == "import" else None)
            before_spawn(lambda: print("before", flush=True), "/the/folder")
            process = multiprocessing.get_context("spawn").Process(target=child)
            process.start(); process.join()
            print(bool(SPAWNERS & set(imported)))
        """
    assert printed(script, tmp_path) == "before\nchild True\nTrue\n"


def test_logging_does_not_show_the_frame_of_a_function_that_passes_for_its_own(tmp_path: Path) -> None:
    script = """
        import logging
        def hook(self, record, original=logging.Logger.callHandlers): original(self, record)
        pass_for(hook, logging.Logger.callHandlers)
        logging.Logger.callHandlers = hook
        logging.warning("wrong %d", "argument")
        """
    text = printed(script, tmp_path)
    assert "Call stack:" in text
    assert "in hook" not in text


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")
def test_the_kernel_is_asked_to_kill_an_orphan(tmp_path: Path) -> None:
    script = """
        import ctypes
        die_with_parent()
        found = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(found))
        print(found.value)
        """
    assert printed(script, tmp_path) == "9\n"
