"""All faults by theme. `tests/faults/__main__.py` tries them and writes `docs/faults.md`."""

from __future__ import annotations

from faults.catalogue import (
    children,
    descriptors,
    endings,
    exceptions,
    files,
    machine,
    output,
    reloads,
    security,
    services,
    surroundings,
    values,
)
from faults.catalogue.fault import Fault

THEMES: dict[str, tuple[Fault, ...]] = {
    "What is no script, or an unusual one": files.FAULTS,
    "Exceptions in the script": exceptions.SCRIPT,
    "Exceptions in operators": exceptions.OPERATORS,
    "Exceptions in services": services.FAULTS,
    "Exits": endings.EXITS,
    "Signals": endings.SIGNALS,
    "Scripts that don't end": endings.ENDLESS,
    "Descriptors, streams, patches": descriptors.FAULTS,
    "Child processes": children.FAULTS,
    "Hostile output": output.FAULTS,
    "Hostile values": values.FAULTS,
    "The worker is killed": surroundings.WORKER,
    "The command is signalled": surroundings.COMMAND,
    "Streams of the command": surroundings.STREAMS,
    "Terminals and locales": surroundings.TERMINALS,
    "The machine": machine.FAULTS,
    "ChangeListener": reloads.FAULTS,
    "Security": security.FAULTS,
}

FAULTS = tuple(fault for faults in THEMES.values() for fault in faults)
