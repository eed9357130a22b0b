"""How a script can end or fail to end: exits, signals, loops and blocks."""

from __future__ import annotations

import sys

from faults.catalogue.exceptions import SLOW_WORK
from faults.catalogue.fault import Fault, at_third, pipeline, serving

EXITS = (
    Fault("exit_3", "`sys.exit(3)`", pipeline(after="sys.exit(3)"), 3, prints="got 5"),
    Fault("exit_text", "`sys.exit` with a text", pipeline(after="sys.exit('a reason')"), 1, says="a reason"),
    Fault("exit_none", "`sys.exit()`", pipeline(after="sys.exit()"), prints="got 5"),
    Fault("exit_300", "`sys.exit(300)`", pipeline(after="sys.exit(300)"), 44, prints="got 5"),
    Fault(
        "exit_while_running",
        "`sys.exit` while the pipeline runs",
        pipeline(
            SLOW_WORK,
            "env.from_batch(Numbers, 1000).map(Work).sink(Show)",
            submit="env.submit()",
            after="time.sleep(0.3)\nsys.exit(4)",
        ),
        4,
    ),
    Fault(
        "exit_in_operator",
        "`sys.exit` in an operator",
        at_third("sys.exit(7)  # here"),
        failure="SystemExit",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "os_exit",
        "`os._exit(6)` in the script",
        "import os\nprint('before')\nos._exit(6)\n",
        6,
        "exit status 6",
        prints="before",
    ),
    Fault(
        "os_exit_0",
        "`os._exit(0)` in the script",
        "import os\nprint('before')\nos._exit(0)\n",
        prints="before",
    ),
    Fault(
        "os_exit_in_operator",
        "`os._exit(9)` in an operator",
        at_third("os._exit(9)"),
        9,
        "exit status 9",
        says="while pipelines were running",
    ),
    Fault(
        "os_exit_0_in_operator",
        "`os._exit(0)` in an operator",
        at_third("os._exit(0)"),
        1,
        "exit status 0",
        says="while pipelines were running",
    ),
    Fault("exit_hook_raises", "an exception in `atexit`", "import atexit\natexit.register(lambda: 1 / 0)\n"),
    Fault(
        "daemon_thread_prints",
        "a daemonic thread that prints while Python ends",
        "import sys, threading\ndef tell():\n    while True: print('more', file=sys.stderr)\n"
        "for _ in range(3): threading.Thread(target=tell, daemon=True).start()\nprint('on')\n",
        prints="on",
    ),
    Fault(
        "exit_hook_hangs",
        "`atexit` that hangs",
        "import atexit, time\ndef end(): print('ready'); time.sleep(600)\natexit.register(end)\n",
        130,
        interrupts=1,
    ),
)

SIGNALS = (
    Fault(
        "alarm_in_submit",
        "an alarm whose handler raises while the pipeline is made and started",
        pipeline(
            "def ring(*_): raise RuntimeError('too long')  # here\nsignal.signal(signal.SIGALRM, ring)\n" + SLOW_WORK,
            "env.from_batch(Numbers, 1000).map(Work).sink(Show)",
            submit="signal.setitimer(signal.ITIMER_REAL, 0.002)\nenv.submit(autostop=True)",
        ),
        1,
        "RuntimeError",
    ),
    Fault("abort", "`os.abort()`", at_third("os.abort()  # here"), 1, "SIGABRT", says="Aborted"),
    Fault(
        "segfault",
        "a segmentation fault in an operator",
        at_third("import ctypes; ctypes.string_at(0)  # here"),
        1,
        "SIGSEGV",
        says="Segmentation fault",
    ),
    Fault(
        "segfault_in_script",
        "a segmentation fault in the script",
        "import ctypes\nprint('before')\nctypes.string_at(0)  # here\n",
        1,
        "SIGSEGV",
        prints="before",
    ),
    Fault("sigfpe", "SIGFPE", at_third("os.kill(os.getpid(), signal.SIGFPE)"), 1, "SIGFPE"),
    Fault("sigterm", "SIGTERM of itself", at_third("os.kill(os.getpid(), signal.SIGTERM)"), 1, "SIGTERM"),
    Fault(
        "sigkill",
        "SIGKILL of itself",
        at_third("os.kill(os.getpid(), signal.SIGKILL)"),
        1,
        "SIGKILL",
        says="perhaps the system ran out of memory",
    ),
    Fault(
        "alarm",
        "SIGALRM",
        "import signal, time\nsignal.alarm(1)\ntime.sleep(600)\n",
        1,
        "SIGALRM",
        quick=False,
    ),
    Fault(
        "native_recursion",
        "recursion until the stack is full",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)  # here\n"
        "print('before')\nrepr(A())\n",
        1,
        "SIGSEGV" if sys.version_info < (3, 12) else "RecursionError",
        prints="before",
    ),
    Fault(
        "signal_handlers",
        "handlers of the script's own for SIGINT and SIGTERM",
        "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, print)\nprint('set')\n",
        prints="set",
    ),
)

ENDLESS = (
    Fault(
        "loop",
        "an endless loop in an operator",
        at_third("print('ready', flush=True)\nwhile True: pass"),
        130,
        interrupts=1,
    ),
    Fault("loop_in_script", "an endless loop in the script", "print('ready')\nwhile True: pass\n", 130, interrupts=1),
    Fault(
        "blocked",
        "a blocked operator",
        at_third("print('ready')\nlock = threading.Lock(); lock.acquire(); lock.acquire()"),
        130,
        interrupts=1,
    ),
    Fault(
        "blocked_script",
        "a blocked script",
        "import threading\nlock = threading.Lock(); lock.acquire()\nprint('ready')\nlock.acquire()\n",
        130,
        interrupts=1,
    ),
    Fault(
        "service_blocks",
        "a service that never answers",
        serving("class Svc(BaseService):\n    def go(self, number): print('ready'); threading.Event().wait()\n"),
        130,
        interrupts=1,
    ),
    Fault(
        "services_wait",
        "services that wait for one another beyond our sight, by a lock",
        serving(
            """
            lock = threading.Lock(); lock.acquire()
            class Svc(BaseService):
                def go(self, number):
                    print("ready")
                    with lock: return number
            """
        ),
        130,
        interrupts=1,
        quick=False,
    ),
    Fault(
        "thread_goes_on",
        "a thread of the script's own that never ends",
        "import threading, time\ndef work():\n    time.sleep(0.3); print('ready')\n    while True: time.sleep(1)\n"
        "threading.Thread(target=work).start()\n",
        130,
        interrupts=1,
    ),
    Fault(
        "ignores_stop",
        "an operator that catches everything, for ever",
        at_third("print('ready')\nwhile True:\n    try: time.sleep(100)\n    except BaseException: pass"),
        130,
        interrupts=1,
    ),
    Fault(
        "ignores_signals",
        "a script that ignores SIGINT, SIGTERM and SIGHUP",
        "import signal, time\n"
        "for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)\n"
        "print('ready')\nwhile True:\n    try: time.sleep(100)\n    except BaseException: pass\n",
        130,
        interrupts=2,
    ),
    Fault(
        "catches_interrupt",
        "a script that catches `KeyboardInterrupt`, for ever",
        "import time\nprint('ready')\nwhile True:\n    try: time.sleep(100)\n"
        "    except KeyboardInterrupt: print('no')\n",
        130,
        interrupts=2,
    ),
    Fault(
        "gil_held",
        "native code that never lets go of the interpreter",
        "import re\nprint('ready')\nre.match(r'(a+)+$', 'a' * 40 + 'b')\n",
        130,
        interrupts=1,
        quick=False,
    ),
    Fault(
        "deep_recursion",
        "endless recursion with the limit taken away, in an operator",
        at_third("print('ready')\nsys.setrecursionlimit(10**9)\ndef r(n): return r(n + 1)\nr(0)"),
        130,
        interrupts=1,
        quick=False,
        wrap=("sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh"),
    ),
)

FAULTS = (*EXITS, *SIGNALS, *ENDLESS)
