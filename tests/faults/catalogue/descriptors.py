"""Scripts that take away what the worker relies on: descriptors, streams, the clock, modules."""

from __future__ import annotations

from faults.catalogue.fault import Fault, pipeline

DESCRIPTORS = (
    Fault(
        "close_0_1_2",
        "descriptors 0, 1 and 2 closed before a pipeline runs",
        "import os\nfor fd in (0, 1, 2): os.close(fd)\n" + pipeline(),
        prints="got 5",
    ),
    Fault("close_1", "descriptor 1 closed", "import os\nos.close(1)\nprint('after')\n", prints="after"),
    Fault(
        "close_3_and_up",
        "all descriptors above 2 closed, ours among them",
        "import os, time\nprint('before')\nos.closerange(3, 4096)\nprint('after')\ntime.sleep(1)\n",
        1,
        "exit status 1",
        prints="before",
        says="the script has closed the pipes of its worker",
    ),
    Fault(
        "close_all",
        "all descriptors closed",
        "import os\nprint('before')\nos.closerange(0, 4096)\nprint('after')\n",
        1,
        "exit status 1",
        prints="before",
    ),
    Fault(
        "all_to_null",
        "all descriptors above 2 turned to /dev/null",
        "import os, time\nnull = os.open('/dev/null', os.O_RDWR)\nprint('before')\n"
        "for n in range(3, 1100):\n    try:\n        os.fstat(n)\n    except OSError:\n        continue\n"
        "    if n != null: os.dup2(null, n)\nprint('after')\n",
        1,
        "exit status 1",
        prints="before",
        says="the script has closed the pipes of its worker",
    ),
    Fault(
        "stdout_to_null",
        "descriptor 1 turned to /dev/null",
        "import os\nos.dup2(os.open('/dev/null', os.O_WRONLY), 1)\nprint('by Python')\nos.write(1, b'raw')\n",
        prints="by Python",
    ),
    Fault(
        "few_descriptors",
        "a limit of 30 open files",
        pipeline(after='print("done")'),
        prints="done",
        wrap=("sh", "-c", 'ulimit -n 30; exec "$@"', "sh"),
        ways=("plain", "json"),
    ),
)

STREAMS = (
    Fault(
        "stdout_replaced",
        "`sys.stdout` replaced",
        "import io, sys\nsys.stdout = io.StringIO()\nprint('hidden')\n"
        "sys.stderr.write('seen ' + sys.stdout.getvalue())\nraise ValueError('x')  # here\n",
        1,
        "ValueError",
        says="seen hidden",
    ),
    Fault(
        "stdout_none",
        "`sys.stdout` and `sys.stderr` set to None",
        "import sys\nsys.stdout = sys.stderr = None\nprint('x')\nraise ValueError('lost?')  # here\n",
        1,
        "ValueError",
    ),
    Fault(
        "stdout_raises",
        "`sys.stdout` and `sys.stderr` that raise at each write",
        "import sys\nclass W:\n    def write(self, text): raise RuntimeError('no')  # here\n    flush = write\n"
        "sys.stdout = sys.stderr = W()\nprint('x')\n",
        120,
        "RuntimeError",
    ),
    Fault(
        "stdout_closed",
        "`sys.stdout` closed",
        "import sys\nprint('a')\nsys.stdout.close()\nprint('b')  # here\n",
        1,
        "ValueError",
        prints="a",
    ),
    Fault(
        "stdout_by_number",
        "`sys.stdout` opened anew on descriptor 1",
        "import os, sys\nsys.stdout = os.fdopen(1, 'w')\nprint('through it')\n",
        prints="through it",
    ),
    Fault(
        "stdout_deleted", "`sys.stdout` deleted", "import sys\ndel sys.stdout\nprint('x')  # here\n", 1, "RuntimeError"
    ),
)

PATCHES = (
    Fault(
        "clock_patched",
        "`time.time` and `time.sleep` patched to nonsense",
        "import time\ntime.time = lambda: 'no'\ntime.sleep = lambda s: None\n" + pipeline(after='print("done")'),
        prints="done",
    ),
    Fault(
        "write_patched",
        "`os.write` patched to raise",
        "import os\nos.write = lambda *a: 1 / 0\nprint('x')\n",
        prints="x",
    ),
    Fault("modules_cleared", "`sys.modules` emptied", "import sys\nsys.modules.clear()\nprint('x')\n", prints="x"),
    Fault(
        "tracing",
        "trace and profile functions, as debuggers and profilers set them",
        "import sys, threading\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\n"
        "threading.settrace(lambda *a: None)\nthreading.setprofile(lambda *a: None)\n" + pipeline(),
        prints="got 5",
    ),
    Fault(
        "profile_raises",
        "a profile function for new threads that raises",
        "import threading\nthreading.setprofile(lambda *a: 1 / 0)\n" + pipeline(after='print("done")'),
        1,
        "LostThreadError",
    ),
    Fault(
        "trace_raises",
        "a trace function for new threads that raises",
        "import threading\nthreading.settrace(lambda *a: 1 / 0)\n" + pipeline(after='print("done")'),
        1,
        "LostThreadError",
    ),
    Fault(
        "own_profile_raises",
        "a profile function of the script's own thread that raises",
        "import sys\nsys.setprofile(lambda *a: 1 / 0)  # here\n" + pipeline(after='print("done")'),
        1,
        "ZeroDivisionError",
    ),
)

FAULTS = (*DESCRIPTORS, *STREAMS, *PATCHES)
