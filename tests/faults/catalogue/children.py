"""Scripts that start other processes."""

from __future__ import annotations

from faults.catalogue.fault import Fault, at_third

FAULTS = (
    Fault(
        "fork",
        "a fork whose child prints and ends by `os._exit`",
        "import os\nprint('before')\npid = os.fork()\nif pid == 0:\n    print('child says', flush=True); os._exit(3)\n"
        "print('parent', os.waitpid(pid, 0)[1] >> 8)\n",
        prints="before\nchild says\nparent 3\n",
    ),
    Fault(
        "fork_exits",
        "a fork whose child ends by `sys.exit`",
        "import os, sys\npid = os.fork()\nif pid == 0:\n    print('child'); sys.exit(3)\n"
        "os.waitpid(pid, 0)\nprint('parent')\n",
        prints="child\nparent\n",
    ),
    Fault(
        "fork_raises",
        "a fork whose child raises",
        "import os\npid = os.fork()\nif pid == 0:\n    raise ValueError('child broke')\n"
        "os.waitpid(pid, 0)\nprint('parent')\n",
        prints="parent",
        says="child broke",
    ),
    Fault(
        "fork_in_operator",
        "a fork in an operator",
        at_third("pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)"),
        prints="got 5",
    ),
    Fault(
        "daemon_child",
        "a child in a session of its own that outlives the script",
        "import subprocess, sys\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\nprint('started')\n",
        prints="started",
    ),
    Fault(
        "double_fork",
        "a daemon that has forked twice",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n"
        "    os._exit(0)\nos.wait()\nprint('started')\n",
        prints="started",
    ),
    Fault(
        "stubborn_daemon",
        "a daemon that ignores SIGTERM and SIGHUP",
        "import subprocess\nsubprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP INT; sleep 600 & wait; sleep 600'],"
        " start_new_session=True)\nimport time; time.sleep(0.2)\nprint('started')\n",
        prints="started",
    ),
    Fault(
        "daemon_prints",
        "a daemon that prints for ever",
        "import subprocess, time\nsubprocess.Popen(['sh', '-c', 'while :; do echo child; sleep 0.01; done'],"
        " start_new_session=True)\ntime.sleep(0.3)\nprint('started')\n",
        prints="started",
    ),
    Fault(
        "pools",
        "process pools, forked and spawned",
        "import multiprocessing as mp\ndef f(x): return x * x\nif __name__ == '__main__':\n"
        "    for how in ('spawn', 'fork'):\n"
        "        with mp.get_context(how).Pool(2) as pool: print(pool.map(f, [1, 2, 3]))\n",
        prints="[1, 4, 9]\n[1, 4, 9]\n",
        quick=False,
    ),
    Fault(
        "daemon_process",
        "a daemonic process of multiprocessing that is still at work",
        "import multiprocessing as mp, time\nif __name__ == '__main__':\n"
        "    mp.Process(target=time.sleep, args=(600,), daemon=True).start()\n    print('x')\n",
        prints="x",
    ),
    Fault(
        "fork_bomb",
        "fifty children that are never waited for",
        "import subprocess\nfor _ in range(50): subprocess.Popen(['sleep', '600'])\nprint('started')\n",
        prints="started",
    ),
)
