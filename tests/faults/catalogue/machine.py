"""A machine in trouble: full disks, read-only homes, a clock that is set."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

from faults.catalogue.fault import Fault, Trial
from faults.catalogue.surroundings import NOT_LINUX, ROOT, STREAM

COMPILER = shutil.which("cc")
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if ROOT else ()
"""Make permissions apply to root too."""


def _read_only(trial: Trial) -> None:
    trial.root.chmod(0o500)
    trial.folder.joinpath("temporary").mkdir()


def _jump(trial: Trial) -> str:
    for days in (1 / 24, -1 / 24, 30, -400):
        trial.folder.joinpath("offset").write_text(str(int(days * 86_400)))
        time.sleep(0.5)
    return ""


_CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long offset(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += offset();
    return failed;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
"""Put a settable clock in front of the C library's, for one process and its children."""


def _own_clock(trial: Trial) -> None:
    source = trial.folder / "clock.c"
    source.write_text(_CLOCK)
    command = [COMPILER or "cc", "-shared", "-fPIC", "-o", str(trial.folder / "clock.so"), str(source), "-ldl"]
    subprocess.run(command, check=True)
    trial.folder.joinpath("offset").write_text("0")


def _duration_is_right(trial: Trial) -> str:
    for line in trial.kept().splitlines():
        if b'"type":"run_finished"' in line:
            seconds = json.loads(line)["duration"]
            return "" if 1 < seconds < 60 else f"the run's duration is {seconds} s"
    return "no run_finished in the journal"


_LARGE = "for number in range(100_000): print('line', number)\n"

FAULTS = (
    Fault(
        "disk_full",
        "the disk of the journal is full (a file system of 300 kB)",
        _LARGE,
        wrap=("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=300k none {folder}/root && exec "$@"', "sh"),
        lacks="" if ROOT and not NOT_LINUX else "root, to mount a small file system",
        like_python=True,
        says="No space left",
        keeps=False,
        quick=False,
    ),
    Fault(
        "files_limited",
        "no file may grow beyond 100 kB",
        _LARGE,
        wrap=("bash", "-c", 'ulimit -f 100; exec "$@"', "bash"),
        like_python=True,
        says="File too large",
        quick=False,
    ),
    Fault(
        "home_read_only",
        "a home that can't be written",
        "print('on')\n",
        prepare=_read_only,
        wrap=UNPRIVILEGED,
        environment={"TMPDIR": "{folder}/temporary"},
        prints="on",
        says="can't be written (Permission denied): this session is kept in",
        keeps=False,
    ),
    Fault(
        "home_no_folder",
        "a home that is no folder",
        "print('on')\n",
        environment={"SAGE_PROJECT_ROOT": "/dev/null", "TMPDIR": "{folder}"},
        prints="on",
        says="is no folder): this session is kept in",
        keeps=False,
    ),
    Fault(
        "clock_set",
        "the clock jumps an hour ahead and back, 30 days ahead, 400 days back",
        STREAM,
        130,
        prepare=_own_clock,
        act=_jump,
        check=_duration_is_right,
        interrupts=1,
        environment={
            "LD_PRELOAD": "{folder}/clock.so",
            "CLOCK_OFFSET": "{folder}/offset",
        },
        lacks="" if COMPILER and not NOT_LINUX else "a C compiler, to put a clock of its own before the C library's",
        quick=False,
    ),
)
