"""All kinds of saves during a run. In the end the last version runs."""

from __future__ import annotations

from faults.catalogue.fault import Check, Fault, Prepare, Trial
from support.waiting import eventually

FIRST = "import time\nprint('ready')\ntime.sleep(600)\n"
SECOND = FIRST.replace("ready", "the second version")


def _renamed(trial: Trial) -> str:
    part = trial.script.with_suffix(".part")
    part.write_text(SECOND)
    part.replace(trial.script)
    return ""


def _in_place(trial: Trial) -> str:
    with trial.script.open("r+") as file:
        file.write(SECOND)
    return ""


def _truncated(trial: Trial) -> str:
    with trial.script.open("w") as file:
        for piece in SECOND.splitlines(keepends=True):
            file.write(piece)
            file.flush()
    return ""


def _vanishes(trial: Trial) -> str:
    trial.script.unlink()
    trial.script.write_text(SECOND)
    return ""


def _moved(trial: Trial) -> str:
    folder = trial.script.parent
    away = folder.rename(folder.with_name("away"))
    (away / trial.script.name).write_text(SECOND)
    away.rename(folder)
    return ""


def _storm(trial: Trial) -> str:
    for number in range(200):
        trial.script.write_text(FIRST.replace("ready", f"version {number}"))
    trial.script.write_text(SECOND)
    return ""


def _while_starting(trial: Trial) -> str:
    begun = trial.folder / "begun"
    trial.script.write_text(f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(600)\n")
    eventually(begun.exists, "the start of the version between")
    trial.script.write_text(SECOND)
    return ""


def _broken_first(trial: Trial) -> str:
    trial.script.write_text("def broken(:\n")
    eventually(lambda: b"reload_failed" in trial.kept(), "the notice of the syntax error")
    trial.script.write_text(SECOND)
    return ""


def _imports(trial: Trial) -> None:
    trial.script.with_name("mine.py").write_text("TEXT = 'ready'\n")


def _module(trial: Trial) -> str:
    trial.script.with_name("mine.py").write_text("TEXT = 'the second version'\n")
    return ""


def _save(
    name: str,
    what: str,
    act: Check,
    says: str = "run 2",
    script: str = FIRST,
    prepare: Prepare | None = None,
    quick: bool = True,
) -> Fault:
    return Fault(
        name,
        what,
        script,
        130,
        act=act,
        then="the second version",
        interrupts=1,
        says=says,
        prepare=prepare,
        quick=quick,
        options=("--watch", "{folder}/project"),
    )


_OWN = """\
import time
with open(__file__, "a") as file: file.write("#\\n")
print("written", open(__file__).read().count("\\n#"))
time.sleep(600)
"""


def _wait_for_the_pause(trial: Trial) -> str:
    eventually(lambda: b"watching pauses" in trial.kept(), "the notice that watching pauses")
    return ""


FAULTS = (
    _save("save_renamed", "a save by rename", _renamed),
    _save("save_in_place", "a save in place", _in_place),
    _save("save_truncated", "a save by truncation, in pieces", _truncated, says=""),
    _save("save_vanishes", "a script that vanishes and returns", _vanishes),
    _save(
        "save_moved",
        "a folder that is moved, changed and moved back",
        _moved,
        quick=False,
    ),
    _save(
        "save_storm",
        "201 saves as fast as they can be written",
        _storm,
        says="",
        quick=False,
    ),
    _save(
        "save_while_starting",
        "a save in the middle of a start",
        _while_starting,
        says="",
        quick=False,
    ),
    _save(
        "save_broken",
        "a save with a syntax error, then a good one",
        _broken_first,
        says="not reloaded",
        quick=False,
    ),
    _save(
        "save_module",
        "a save of a module beside the script",
        _module,
        script="import mine, time\nprint(mine.TEXT)\ntime.sleep(600)\n",
        prepare=_imports,
    ),
    Fault(
        "writes_itself",
        "a script that writes its own watched file",
        _OWN.replace("written", "ready"),
        130,
        act=_wait_for_the_pause,
        then="ready 4",
        interrupts=1,
        options=("--watch", "{folder}/project"),
        says="watching pauses",
    ),
)
