"""Find the place of a crash in the output of `faulthandler`."""

from __future__ import annotations

from pathlib import Path

import sage_runtime
from sage_tui.session.run_finalizer import Ending, crash_place, first_crash

RUNTIME = Path(sage_runtime.__file__).parent
STACKS = f"""Fatal Python error: Segmentation fault

Thread 0x00007f8e055286c0 (most recent call first):
  File "/home/me/other.py", line 9 in wait

Current thread 0x00007f8e05d296c0 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/home/me/pipeline.py", line 25 in execute
  File "/home/me/pipeline.py", line 30 in <module>
  File "{RUNTIME}/engine/loops.py", line 41 in loop

Thread 0x00007f8e055286c1 (most recent call first):
  File "/home/me/third.py", line 1 in wait
"""


def test_the_place_is_the_users_innermost_line_on_the_thread_that_crashed() -> None:
    assert crash_place(STACKS) == ("/home/me/pipeline.py", 25)


def test_a_log_that_breaks_off_or_holds_nothing_names_no_place() -> None:
    assert crash_place("") == (None, None)
    assert crash_place(STACKS[: STACKS.index('  File "/usr')]) == (None, None)
    assert crash_place("Current thread 0x1 (most recent call first):\n  <no Python frame>\n") == (None, None)


def test_of_two_crashes_the_first_is_told() -> None:
    faults = "Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n"
    assert first_crash(Ending("failed", None, "SIGSEGV"), faults).signal == "SIGABRT"
    assert first_crash(Ending("failed", None, "SIGKILL"), faults).signal == "SIGKILL"
    assert first_crash(Ending("failed", None, "SIGSEGV"), "").signal == "SIGSEGV"
    assert first_crash(Ending("failed", 1, None), faults).signal is None
