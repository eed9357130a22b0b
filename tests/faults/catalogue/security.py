"""What an attacker could plant, and what must not be disclosed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import zipfile
from pathlib import Path

from faults.catalogue.fault import Fault, Trial, pipeline
from faults.catalogue.surroundings import NOT_LINUX, ROOT, STREAM, workers
from support.command import COMMAND, environment

SECRETS = {"argument": "s3cret-of-the-argument", "variable": "s3cret-of-the-variable"}


def _no_secrets(trial: Trial) -> str:
    told = [name for name, secret in SECRETS.items() if secret.encode() in trial.kept()]
    return f"the journal tells the {' and the '.join(told)}" if told else ""


def _is_private(trial: Trial) -> str:
    for session in trial.sessions():
        for path in (session, *session.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode != (0o700 if path.is_dir() else 0o600):
                return f"{path.relative_to(session.parent)} has mode {mode:o}"
    return ""


def _nobody_listens(trial: Trial) -> str:
    for pid in (trial.pid, *workers(trial)):
        mine = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}  # noqa: PTH115
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                if f"socket:[{line.split()[9]}]" in mine:
                    return f"a {table} socket is open"
    return ""


def _linked_sessions(trial: Trial) -> None:
    elsewhere = trial.folder / "elsewhere"
    elsewhere.mkdir()
    logs = trial.root / ".sage" / "logs"
    logs.mkdir(parents=True)
    (logs / "jobmanager").symlink_to(elsewhere)


def _linked_by_another(trial: Trial) -> None:
    _linked_sessions(trial)
    os.chown(trial.root / ".sage" / "logs" / "jobmanager", 12345, 12345, follow_symlinks=False)


def _is_elsewhere(trial: Trial) -> str:
    return (
        "" if list((trial.folder / "elsewhere").glob("session_*/run-1.sagerun")) else "nothing is kept behind the link"
    )


def _is_not_elsewhere(trial: Trial) -> str:
    return "the link was followed" if list((trial.folder / "elsewhere").iterdir()) else ""


def _planted_files(trial: Trial) -> None:
    trial.folder.joinpath("victim").write_text("untouched")


_PLANTS = """\
import glob, os
(session,) = glob.glob(os.environ["SAGE_PROJECT_ROOT"] + "/.sage/logs/jobmanager/session_*")
victim = os.environ["SAGE_PROJECT_ROOT"] + "/../victim"
for name in ("run-1.sagerun", "run-2.sagerun", "output.log", "error.log", "fault-1.log", "sage-tui.json"):
    try: os.symlink(victim, f"{session}/{name}")
    except FileExistsError: pass
for number in range(1, 9):
    try: os.symlink(victim, f"{session}/run-1.sagerun/{number:06d}.jsonl")
    except OSError: pass
print("ready")
"""


def _victim_is_untouched(trial: Trial) -> str:
    return "" if trial.folder.joinpath("victim").read_text() == "untouched" else "a link was written through"


_SETTINGS = """\
theme = "__import__('os').system('touch {folder}/harm')"
refresh = "open('{folder}/harm', 'w')"
watch = ["$(touch {folder}/harm)", "`touch {folder}/harm`", "!!python/object/apply:os.system ['touch {folder}/harm']"]
journal-limit = "2 GB; touch {folder}/harm"
[keys]
"run.pause" = "app.run_action('x')"
"__class__" = "ctrl+r"
"quit" = "${{touch {folder}/harm}}"
[plugins]
load = ["harm"]
"""


def _hostile_settings(trial: Trial) -> None:
    folder = trial.folder / "config" / "sage-tui"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(_SETTINGS.format(folder=trial.folder))
    (folder / "settings.py").write_text(f"open({str(trial.folder / 'harm')!r}, 'w')\n")
    trial.script.with_name("harm.py").write_text(f"open({str(trial.folder / 'harm')!r}, 'w')\n")


def _no_harm(trial: Trial) -> str:
    return "code of a file that was only to be read was run" if (trial.folder / "harm").exists() else ""


def _record(trial: Trial) -> Path:
    """A good recording, of a script in the trial's folder."""
    script, file = trial.folder / "recorded.py", trial.folder / "good.sagerun"
    script.write_text(pipeline())
    subprocess.run(
        [*COMMAND, "--plain", "--record", str(file), str(script)],
        cwd=trial.folder,
        env=environment(SAGE_PROJECT_ROOT=str(trial.folder / "recorder")),
        check=True,
        capture_output=True,
    )
    return file


def _hostile_recording(trial: Trial) -> None:
    """A recording with escapes, code, nesting, wrong types, huge numbers, and members that point elsewhere."""
    evil = {
        "type": "output", "run": 1, "t": 1e308, "worker": 0, "stream": "stdout", "end": "\n", "pipeline": "../../x",
        "text": "\x1b[2J\x1b]52;c;ZXZpbA==\x07 got 1 ${jndi} __import__('os').system('touch harm')",
    }  # fmt: skip
    odd = [
        b"\x80\x04\x95cos\nsystem\n(S'touch harm'\ntR.",
        b"[" * 100_000,
        b'{"type":"output","run":1,"seq":' + b"9" * 5000 + b"}",
        b'{"type":"failure","file":{"__reduce__":"os.system"},"line":[]}',
        json.dumps(evil).encode(),
    ]
    with zipfile.ZipFile(_record(trial)) as good, zipfile.ZipFile(trial.folder / "evil.sagerun", "w", 8) as bad:
        for member in good.namelist():
            data = good.read(member).replace(b'"got 1', json.dumps(evil["text"]).encode()[:-1])
            bad.writestr(member, data + b"\n".join(odd) + b"\n" if member.endswith(".jsonl") else data)
        bad.writestr("../../harm", "harm")
        bad.writestr(str(trial.folder / "harm"), "harm")
        bad.writestr("run-2.sagerun/../../../harm", "harm")
        bad.writestr("run-3.sagerun/000001.jsonl", b"\0" * (300 << 20))


FAULTS = (
    Fault(
        "secrets",
        "secrets in the arguments and in the environment",
        "import os, sys\nprint(len(sys.argv), 'SECRET' in os.environ)\n",
        arguments=(SECRETS["argument"],),
        environment={"SECRET": SECRETS["variable"]},
        prints="2 True",
        check=_no_secrets,
    ),
    Fault(
        "umask_0",
        "a umask that gives everything away",
        pipeline(),
        wrap=("sh", "-c", 'umask 000; exec "$@"', "sh"),
        prints="got 5",
        check=_is_private,
    ),
    Fault(
        "network",
        "does anything listen on the network?",
        STREAM,
        130,
        act=_nobody_listens,
        interrupts=1,
        lacks=NOT_LINUX,
    ),
    Fault(
        "sessions_linked",
        "the folder of the sessions is a link of yours: it is followed",
        "print('on')\n",
        prepare=_linked_sessions,
        prints="on",
        check=_is_elsewhere,
    ),
    Fault(
        "sessions_linked_by_another",
        "the folder of the sessions is a link that somebody else has put there",
        "print('on')\n",
        prepare=_linked_by_another,
        environment={"TMPDIR": "{folder}"},
        prints="on",
        says="is a link of somebody else",
        check=_is_not_elsewhere,
        keeps=False,
        lacks="" if ROOT else "root, to make a link of somebody else",
    ),
    Fault(
        "links_in_session",
        "links in the session's folder, where files are about to be written",
        _PLANTS,
        prepare=_planted_files,
        prints="ready",
        check=_victim_is_untouched,
    ),
    Fault(
        "settings_with_code",
        "a settings file that tries to run code",
        "print('on')\n",
        prepare=_hostile_settings,
        environment={"XDG_CONFIG_HOME": "{folder}/config"},
        check=_no_harm,
        ways=("tui",),
        quick=False,
    ),
    Fault(
        "hostile_recording",
        "a recording made to do harm",
        None,
        prepare=_hostile_recording,
        file="../evil.sagerun",
        check=_no_harm,
        prints="got 5",
        keeps=False,
        again="",
    ),
)
