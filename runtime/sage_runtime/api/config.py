"""A script's surroundings: its configuration file, SAGE's folders, and the ports of SAGE's services."""

from __future__ import annotations

import os
import socket
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

# --- configuration files ---------------------------------------------------------------------------------------------

_MARKS = ("setup.py", "pyproject.toml", ".git", "config")
"""A folder with one of these is the root of a project."""


def load_config(path: str | Path | None = None) -> dict[str, Any]:
    """The configuration in `path`, relative to the project of the calling file; a bare name is in its `config` folder.

    Then come the file that `SAGE_CONFIG` names, the project's `config/config.yaml`, the user's and the system's. The
    project's root is the nearest folder above the caller with a setup.py, pyproject.toml, .git or config.

    Raises:
        FileNotFoundError: none of them exists.
        ImportError: it is a YAML file and the script's Python has no PyYAML.
    """
    root = _project_of(sys._getframe(1).f_globals.get("__file__"))
    candidates = [file for file in (_given(path, root), _named_by_environment(root)) if file is not None]
    candidates += [root / "config" / "config.yaml", *_default_files()]
    for file in candidates:
        if file.is_file():
            config: dict[str, Any] = _read(file)
            return config
    raise FileNotFoundError("No config found. Checked:\n" + "\n".join(str(file) for file in candidates))


def _project_of(file: str | None) -> Path:
    if not file:
        return Path.cwd()
    folder = Path(file).resolve().parent
    while folder.parent != folder:
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
        folder = folder.parent
    return folder


def _given(path: str | Path | None, root: Path) -> Path | None:
    if not path:
        return None
    given = Path(path)
    return root / "config" / given if given.parent == Path() and not given.is_absolute() else root / given


def _named_by_environment(root: Path) -> Path | None:
    named = os.environ.get("SAGE_CONFIG")
    return root / named if named else None


def _default_files() -> list[Path]:
    if sys.platform == "darwin":
        folders = [Path.home() / "Library" / "Application Support", Path("/Library/Application Support")]
    else:
        folders = [Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"), Path("/etc/xdg")]
    return [folder / "sage" / "config.yaml" for folder in folders]


def _read(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return import_module("json").loads(text)
    if file.suffix == ".toml":
        return import_module("tomllib").loads(text)
    try:
        yaml = import_module("yaml")  # the script's own, if it has one
    except ImportError as error:
        raise ImportError(
            f"{file} is YAML, and {sys.executable} has no PyYAML: pip install pyyaml there, or use JSON or TOML"
        ) from error
    return yaml.safe_load(text)


# --- SAGE's folders --------------------------------------------------------------------------------------------------


def find_sage_project_root(start_path: str | Path | None = None) -> Path | None:
    """The nearest folder, from `start_path` (the current one) upwards, that is a checkout of SAGE."""
    folder = Path(start_path or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / "packages" / "sage").exists() or (candidate / "packages" / "sage-common").exists():
            return candidate
    return None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class SageOutputPaths:
    """The output folders of eras 1 and 2: `sage_dir` and `<name>_dir` for each folder in it, made when asked for.

    `sage_dir` is what `SAGE_OUTPUT_DIR` names, else `.sage` in the project, a checkout of SAGE or the home folder.
    """

    _folders: ClassVar[tuple[str, ...]] = (
        *("logs", "output", "temp", "cache", "reports", "coverage", "test_logs", "experiments", "issues", "states"),
        *("benchmarks", "studio"),
    )

    def __init__(self, project_root: str | Path | None = None) -> None:
        root = Path(project_root).resolve() if project_root else find_sage_project_root()
        self.is_pip_environment = root is None
        self.project_root = root or Path.cwd()
        named = os.environ.get("SAGE_OUTPUT_DIR")
        self.sage_dir = _made(Path(named) if named else Path(root or Path.home()) / ".sage")

    def __getattr__(self, name: str) -> Path:
        folder = name.removesuffix("_dir")
        if name == folder or folder not in self._folders:
            raise AttributeError(name)
        return _made(self.sage_dir / folder)

    def get_output_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for results; its folder is made."""
        return _made(self.output_dir / (subdir or "")) / name

    def get_log_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for a log; its folder is made."""
        return _made(self.logs_dir / (subdir or "")) / name


@lru_cache(maxsize=8)
def get_sage_paths(project_root: str | Path | None = None) -> SageOutputPaths:
    """SAGE's folders for a project."""
    return SageOutputPaths(project_root)


def get_output_file(name: str, subdir: str | None = None, project_root: str | Path | None = None) -> Path:
    """A file for results."""
    return get_sage_paths(project_root).get_output_file(name, subdir)


class SageUserPaths:
    """The user's folders for SAGE (eras 2 and 3), where the XDG specification puts them, made when asked for."""

    _folders: ClassVar[dict[str, tuple[str, str, str]]] = {
        "config_dir": ("XDG_CONFIG_HOME", ".config", ""),
        "data_dir": ("XDG_DATA_HOME", ".local/share", ""),
        "state_dir": ("XDG_STATE_HOME", ".local/state", ""),
        "cache_dir": ("XDG_CACHE_HOME", ".cache", ""),
        "logs_dir": ("XDG_STATE_HOME", ".local/state", "logs"),
        "models_dir": ("XDG_DATA_HOME", ".local/share", "models"),
        "sagellm_models_dir": ("XDG_DATA_HOME", ".local/share", "models/sagellm"),
    }

    def __getattr__(self, name: str) -> Path:
        if name not in self._folders:
            raise AttributeError(name)
        variable, default, folder = self._folders[name]
        return _made(Path(os.environ.get(variable) or Path.home() / default) / "sage" / folder)

    def get_log_file(self, name: str) -> Path:
        """A file for a log."""
        return self.logs_dir / (name if name.endswith(".log") else f"{name}.log")


@lru_cache(maxsize=1)
def get_user_paths() -> SageUserPaths:
    """The user's folders for SAGE."""
    return SageUserPaths()


# --- ports -----------------------------------------------------------------------------------------------------------


class SagePorts:
    """The port of each service, and whether a port of this machine is free."""

    SAGELLM_GATEWAY: ClassVar[int] = 8889
    GATEWAY_DEFAULT: ClassVar[int] = 8889
    EDGE_DEFAULT: ClassVar[int] = 8899
    SAGELLM_SERVE_PORT: ClassVar[int] = 8901
    SAGELLM_ENGINE_PORT: ClassVar[int] = 8902
    SAGELLM_SERVE_PORT_2: ClassVar[int] = 8903
    SAGELLM_ENGINE_PORT_2: ClassVar[int] = 8904
    LLM_DEFAULT: ClassVar[int] = 8001
    SAGELLM_DEFAULT: ClassVar[int] = 8001
    LLM_SECONDARY: ClassVar[int] = 8002
    LLM_WSL_FALLBACK: ClassVar[int] = 8901
    EMBEDDING_DEFAULT: ClassVar[int] = 8090
    EMBEDDING_SECONDARY: ClassVar[int] = 8091
    STUDIO_BACKEND: ClassVar[int] = 8080
    STUDIO_FRONTEND: ClassVar[int] = 5173
    BENCHMARK_LLM: ClassVar[int] = 8901
    BENCHMARK_EMBEDDING: ClassVar[int] = 8950
    BENCHMARK_API: ClassVar[int] = 8951

    @classmethod
    def get_recommended_llm_port(cls) -> int:
        """The port to start a language model on."""
        return cls.LLM_DEFAULT

    @classmethod
    def get_llm_ports(cls) -> list[int]:
        """The ports to look for a language model on, best first."""
        return [cls.SAGELLM_SERVE_PORT, cls.SAGELLM_SERVE_PORT_2, cls.LLM_DEFAULT, cls.SAGELLM_GATEWAY]

    @classmethod
    def is_available(cls, port: int, host: str = "localhost") -> bool:
        """Whether a port is free."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) != 0
