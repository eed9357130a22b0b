"""Serves SAGE's module paths from `api`, in the process that runs a script, by finders on `sys.meta_path`.

Module paths in the table of `api.addresses` are served; all others below `sage` are looked for on disk as usual: the
packages we serve have a `__path__` with every folder of that name on `sys.path`, of plain, `pkgutil` and PEP 420
packages alike. Where a module of ours also stands on disk, its content there is run when a name is asked for that the
table does not have. What nobody has is a `ModuleNotFoundError` that says what would provide it.
"""

# Paths are strings here: pathlib takes milliseconds to import, before the script's first line.
# ruff: noqa: PTH112, PTH113, PTH118, PTH123

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from sage_runtime.api.addresses import ERAS, PACKAGES, TABLE

ROOT = "sage"
_API = "sage_runtime.api."


def install() -> None:
    """Serve `sage` from now on in this process; again is fine."""
    if not any(isinstance(finder, ServingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, ServingFinder())
        sys.meta_path.append(UnservedFinder())


def uninstall() -> None:
    """Stop serving, and forget every `sage` module that was imported."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, ServingFinder | UnservedFinder)]
    for name in [name for name in sys.modules if name == ROOT or name.startswith(f"{ROOT}.")]:
        del sys.modules[name]


class ServingFinder:
    """Finds the modules of the table. It stands first, so that they win over what is on disk."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a module that we serve, None for any other."""
        if fullname not in TABLE:
            return None
        spec = ModuleSpec(fullname, ServingLoader(), origin="sage-tui")  # type: ignore[arg-type]  # it has what is used
        folders = FoldersOnDisk(fullname)
        if served_below(fullname) or folders:
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
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

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
        with open(file, "rb") as source:
            exec(compile(source.read(), file, "exec"), self.__dict__)
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
        if finder in (BuiltinImporter, FrozenImporter, PathFinder) or isinstance(
            finder, ServingFinder | UnservedFinder
        ):
            continue
        spec = finder.find_spec(package, None)
        folders.extend((spec and spec.submodule_search_locations) or ())
    return folders


def _file_on_disk(module: str) -> str | None:
    """The Python file that would be this module if we did not serve it."""
    parent, _, name = module.rpartition(".")
    places = getattr(sys.modules.get(parent), "__path__", ()) if parent else sys.path
    candidates = [os.path.join(folder, "__init__.py") for folder in FoldersOnDisk(module)]
    candidates += [os.path.join(place, f"{name}.py") for place in places]
    return next((file for file in candidates if os.path.isfile(file)), None)


class UnservedFinder:
    """Stands last: says what would provide a module of SAGE that neither we nor the disk have."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Nothing, or an error if this is an import and not just a question (`importlib.util.find_spec`).

        Raises:
            ModuleNotFoundError: it is a module of SAGE.
        """
        if not fullname.startswith(f"{ROOT}.") or sys.meta_path[-1] is not self:
            return
        asking = sys._getframe(1).f_back
        if asking is not None and asking.f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError(unserved_message(fullname), name=fullname, path=path)


def unserved_message(module: str) -> str:
    """What to say of a module that nobody has: its era, what is served near it, and the package to install."""
    parents = _parents(module)
    era = next((ERAS[parent] for parent in parents if parent in ERAS), None)
    package = next((PACKAGES[parent] for parent in parents if parent in PACKAGES), None)
    served = next(parent for parent in parents if parent in TABLE)
    near = ", ".join(served_below(served)) or ", ".join(TABLE[served])
    message = f"No module named {module!r}: sage-tui does not serve it"
    if era is not None:
        message += f" (SAGE of era {era})"
    message += f"; of {served} it serves {near}."
    if package is not None:
        message += f" The package {package} on PyPI may have it: install that for the Python that runs the script."
    return message


def served_below(package: str) -> list[str]:
    """The names of the modules that we serve directly below a package."""
    prefix = f"{package}."
    return list(dict.fromkeys(name[len(prefix) :].partition(".")[0] for name in TABLE if name.startswith(prefix)))


def _parents(module: str) -> list[str]:
    """The module path and its parents, nearest first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
