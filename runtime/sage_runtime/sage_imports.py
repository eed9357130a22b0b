"""Serves SAGE's module paths from `api`, in the process that runs a script, by finders on `sys.meta_path`.

Module paths in the table of `api.addresses` are served; all others below `sage` are looked for on disk as usual: the
packages we serve have a `__path__` with every folder of that name on `sys.path`, of plain, `pkgutil` and PEP 420
packages alike. Where a module of ours also stands on disk, its content there is run when a name is asked for that the
table does not have. A module or a name that nobody has is an error that says what would provide it. Packages of other
names than `sage` (SAGE's before its first release) are served only where the disk has none.
"""

# Paths are strings here: pathlib takes milliseconds to import, before the script's first line.
# ruff: noqa: PTH112, PTH113, PTH118

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import (
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from opcode import opmap
from types import ModuleType
from typing import Any

from sage_runtime.api.addresses import ERAS, PACKAGES, TABLE

ROOT = "sage"
_ROOTS = {module.partition(".")[0] for module in TABLE}
_API = "sage_runtime.api."


def install() -> None:
    """Serve `sage` from now on in this process; again is fine."""
    if not any(isinstance(finder, ServingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, ServingFinder())
        sys.meta_path.append(LastFinder())


def uninstall() -> None:
    """Stop serving, and forget every `sage` module that was imported."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, ServingFinder | LastFinder)]
    for name in [name for name in sys.modules if name.partition(".")[0] in _ROOTS]:
        del sys.modules[name]


class ServingFinder:
    """Finds the modules of the table below `sage`. It stands first, so that they win over what is on disk."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a module that we serve, None for any other."""
        return _spec(fullname) if fullname in TABLE and fullname.partition(".")[0] == ROOT else None


def _spec(module: str) -> ModuleSpec:
    spec = ModuleSpec(module, ServingLoader(), origin="sage-tui")  # type: ignore[arg-type]  # it has what is used
    folders = FoldersOnDisk(module)
    if served_below(module) or folders:
        spec.submodule_search_locations = folders  # type: ignore[assignment]  # a sequence is enough
    return spec


class ServingLoader:
    """Makes a module of the table. Nothing is imported before a name is asked for."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module that looks its names up in the table."""
        return ServedModule(spec.name, f"{spec.name}, served by sage-tui.")

    def exec_module(self, module: ModuleType) -> None:
        """Say which names it has."""
        module.__dict__["__all__"] = [name for name in TABLE[module.__name__] if not name.startswith("_")]

    def is_package(self, fullname: str) -> bool:
        """Whether modules can be below it."""
        return bool(served_below(fullname) or FoldersOnDisk(fullname))


class ServedModule(ModuleType):
    """A module whose names are imported from `api` when they are first asked for."""

    def __getattr__(self, name: str) -> Any:
        target = TABLE[self.__name__].get(name)
        if target is not None:
            module, _, inner = target.partition(":")
            value = getattr(importlib.import_module(_API + module), inner)
            self.__dict__[name] = value
            return value
        hidden = name.startswith("__") or f"{self.__name__}.{name}" in TABLE
        if not hidden and self._run_file_on_disk() and name in self.__dict__:
            return self.__dict__[name]
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        asking = sys._getframe(1)
        if asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]:
            raise ImportError(missing_message(self.__name__, name), name=self.__name__)
        raise AttributeError(missing_message(self.__name__, name))

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *TABLE[self.__name__]})

    def _run_file_on_disk(self) -> bool:
        """Run what stands on disk at this address, once; what the table has keeps its meaning."""
        if "_file_on_disk" in self.__dict__:
            return False
        file = _file_on_disk(self.__name__)
        self.__dict__["_file_on_disk"] = file
        if file is None:
            return False
        self.__dict__["__file__"] = file
        before = dict(self.__dict__)
        kind = SourcelessFileLoader if file.endswith(".pyc") else SourceFileLoader
        code = kind(self.__name__, file).get_code(self.__name__)
        assert code is not None
        exec(code, self.__dict__)
        for name in TABLE[self.__name__]:
            self.__dict__.pop(name, None)
        self.__dict__.update(before)
        return True


class FoldersOnDisk(Sequence[str]):
    """A package's `__path__`: the folders of its name in its parent's, found anew whenever `sys.path` has changed."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._sys_path: list[str] | None = None
        self._found: list[str] = []
        self._added: list[str] = []

    def append(self, folder: str) -> None:
        """Look in one more folder."""
        self._added.append(folder)

    def _folders(self) -> list[str]:
        if self._sys_path != sys.path:
            self._sys_path = list(sys.path)
            parent, _, name = self._package.rpartition(".")
            places = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
            folders = [folder for place in places if os.path.isdir(folder := os.path.join(place, name))]
            self._found = list(dict.fromkeys(folders if parent else folders + _folders_elsewhere(name)))
        return self._found + self._added

    def __getitem__(self, index: Any) -> Any:
        return self._folders()[index]

    def __len__(self) -> int:
        return len(self._folders())

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders())

    def __repr__(self) -> str:
        return f"FoldersOnDisk({self._folders()!r})"


def _folders_elsewhere(package: str) -> list[str]:
    """Where other finders, as editable installs bring them, have a top-level package."""
    folders: list[str] = []
    for finder in sys.meta_path:
        if finder in (BuiltinImporter, FrozenImporter, PathFinder) or isinstance(finder, ServingFinder | LastFinder):
            continue
        spec = finder.find_spec(package, None)
        folders.extend((spec and spec.submodule_search_locations) or ())
    return folders


def _file_on_disk(module: str) -> str | None:
    """The Python file that would be this module if we did not serve it."""
    parent, _, name = module.rpartition(".")
    places = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
    bodies = [os.path.join(folder, "__init__") for folder in FoldersOnDisk(module)]
    bodies += [os.path.join(place, name) for place in places]
    candidates = [body + suffix for body in bodies for suffix in (".py", ".pyc")]
    return next((file for file in candidates if os.path.isfile(file)), None)


class LastFinder:
    """Stands last: serves what the disk lacks of other roots than `sage`, and says what would provide the rest."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a module of another root, else nothing.

        Raises:
            ModuleNotFoundError: a module of SAGE is imported, not just asked for (`importlib.util.find_spec`).
        """
        if fullname.partition(".")[0] not in _ROOTS or fullname == ROOT or sys.meta_path[-1] is not self:
            return None
        if fullname in TABLE:
            return _spec(fullname)
        asking = sys._getframe(1).f_back
        if asking is not None and asking.f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError(unserved_message(fullname), name=fullname, path=path)
        return None


def unserved_message(module: str) -> str:
    """What to say of a module that nobody has: its era, what is served near it, and the package to install."""
    served = next(parent for parent in _parents(module) if parent in TABLE)
    near = ", ".join(served_below(served)) or ", ".join(TABLE[served])
    before, after = _provenance(module)
    return f"No module named {module!r}: sage-tui does not serve it{before}; of {served} it serves {near}.{after}"


def missing_message(module: str, name: str) -> str:
    """What to say of a name that a served module lacks: its era, where it or the nearest is, the package to install."""
    from difflib import get_close_matches

    homes = [home for home, names in TABLE.items() if name in names]
    shared = {home: len({*_parents(home)} & {*_parents(module)}) for home in homes}
    homes.sort(key=lambda home: (ERAS.get(home) != ERAS.get(module), -shared[home], len(home)))
    near = get_close_matches(name, TABLE[module], 1, 0.5)
    hint = f" {homes[0]} has it." if homes else f" The nearest name there is {near[0]}." if near else ""
    before, after = _provenance(module)
    return f"cannot import name {name!r} from {module!r}: sage-tui does not serve it{before}.{hint}{after}"


def _provenance(module: str) -> tuple[str, str]:
    """The era of a module path, in brackets, and the package to install for it, in a sentence."""
    parents = _parents(module)
    era = next((ERAS[parent] for parent in parents if parent in ERAS), None)
    package = next((PACKAGES[parent] for parent in parents if parent in PACKAGES), None)
    sentence = f" The package {package} on PyPI may have it: install that for the Python that runs the script."
    return f" (SAGE of era {era})" if era is not None else "", sentence if package is not None else ""


def served_below(package: str) -> list[str]:
    """The names of the modules that we serve directly below a package."""
    prefix = f"{package}."
    return list(dict.fromkeys(name[len(prefix) :].partition(".")[0] for name in TABLE if name.startswith(prefix)))


def _parents(module: str) -> list[str]:
    """The module path and its parents, nearest first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
