"""Where SAGE keeps its files: the output folders of eras 1 and 2 and the user folders of eras 2 and 3."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

_SUBFOLDERS = (
    *("logs", "output", "temp", "cache", "reports", "coverage", "test_logs", "experiments", "issues", "states"),
    *("benchmarks", "studio"),
)


def find_sage_project_root(start_path: str | Path | None = None) -> Path | None:
    """The nearest folder, from `start_path` (the current one) upwards, that is a checkout of SAGE."""
    folder = Path(start_path or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / "packages" / "sage").exists() or (candidate / "packages" / "sage-common").exists():
            return candidate
    return None


def get_appropriate_sage_dir(project_root: str | Path | None = None) -> Path:
    """SAGE's folder, made if need be: `SAGE_OUTPUT_DIR`, else `.sage` in the project, a checkout or the home folder."""
    named = os.environ.get("SAGE_OUTPUT_DIR")
    folder = Path(named) if named else Path(project_root or find_sage_project_root() or Path.home()) / ".sage"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class SageOutputPaths:
    """SAGE's folder `sage_dir` and the folders in it, which exist."""

    def __init__(self, project_root: str | Path | None = None) -> None:
        self.sage_dir = get_appropriate_sage_dir(project_root)
        root = Path(project_root).resolve() if project_root else find_sage_project_root()
        self.is_pip_environment = root is None
        self.project_root = root or Path.cwd()
        for name in _SUBFOLDERS:
            (self.sage_dir / name).mkdir(exist_ok=True)

    @property
    def logs_dir(self) -> Path:
        """For logs."""
        return self.sage_dir / "logs"

    @property
    def output_dir(self) -> Path:
        """For results."""
        return self.sage_dir / "output"

    @property
    def temp_dir(self) -> Path:
        """For temporary files."""
        return self.sage_dir / "temp"

    @property
    def cache_dir(self) -> Path:
        """For caches."""
        return self.sage_dir / "cache"

    @property
    def reports_dir(self) -> Path:
        """For reports."""
        return self.sage_dir / "reports"

    @property
    def coverage_dir(self) -> Path:
        """For coverage."""
        return self.sage_dir / "coverage"

    @property
    def test_logs_dir(self) -> Path:
        """For the logs of tests."""
        return self.sage_dir / "test_logs"

    @property
    def experiments_dir(self) -> Path:
        """For experiments."""
        return self.sage_dir / "experiments"

    @property
    def states_dir(self) -> Path:
        """For the state of components."""
        return self.sage_dir / "states"

    @property
    def benchmarks_dir(self) -> Path:
        """For benchmarks."""
        return self.sage_dir / "benchmarks"

    def get_log_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for a log."""
        return _file(self.logs_dir, name, subdir)

    def get_output_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for results."""
        return _file(self.output_dir, name, subdir)

    def get_temp_file(self, name: str, subdir: str | None = None) -> Path:
        """A temporary file."""
        return _file(self.temp_dir, name, subdir)

    def get_cache_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for a cache."""
        return _file(self.cache_dir, name, subdir)

    def get_states_file(self, name: str, subdir: str | None = None) -> Path:
        """A file for a component's state."""
        return _file(self.states_dir, name, subdir)

    def get_test_env_dir(self, test_name: str = "test_env") -> Path:
        """A temporary folder for a test."""
        folder = self.temp_dir / test_name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def setup_environment_variables(self) -> dict[str, Path]:
        """Tell child processes where the folders are."""
        os.environ["SAGE_OUTPUT_DIR"] = os.environ["SAGE_HOME"] = str(self.sage_dir)
        os.environ["SAGE_LOGS_DIR"] = str(self.logs_dir)
        os.environ["SAGE_TEMP_DIR"] = str(self.temp_dir)
        return {"sage_dir": self.sage_dir, "logs_dir": self.logs_dir, "temp_dir": self.temp_dir}


def _file(folder: Path, name: str, subdir: str | None) -> Path:
    """The path of a file; its folder is made."""
    path = folder / (subdir or "") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache(maxsize=8)
def get_sage_paths(project_root: str | Path | None = None) -> SageOutputPaths:
    """SAGE's folders for a project."""
    return SageOutputPaths(project_root)


def get_logs_dir(project_root: str | Path | None = None) -> Path:
    """The folder for logs."""
    return get_sage_paths(project_root).logs_dir


def get_output_dir(project_root: str | Path | None = None) -> Path:
    """The folder for results."""
    return get_sage_paths(project_root).output_dir


def get_temp_dir(project_root: str | Path | None = None) -> Path:
    """The folder for temporary files."""
    return get_sage_paths(project_root).temp_dir


def get_cache_dir(project_root: str | Path | None = None) -> Path:
    """The folder for caches."""
    return get_sage_paths(project_root).cache_dir


def get_reports_dir(project_root: str | Path | None = None) -> Path:
    """The folder for reports."""
    return get_sage_paths(project_root).reports_dir


def get_states_dir(project_root: str | Path | None = None) -> Path:
    """The folder for the state of components."""
    return get_sage_paths(project_root).states_dir


def get_benchmarks_dir(project_root: str | Path | None = None) -> Path:
    """The folder for benchmarks."""
    return get_sage_paths(project_root).benchmarks_dir


def get_log_file(name: str, subdir: str | None = None, project_root: str | Path | None = None) -> Path:
    """A file for a log."""
    return get_sage_paths(project_root).get_log_file(name, subdir)


def get_output_file(name: str, subdir: str | None = None, project_root: str | Path | None = None) -> Path:
    """A file for results."""
    return get_sage_paths(project_root).get_output_file(name, subdir)


def get_states_file(name: str, subdir: str | None = None, project_root: str | Path | None = None) -> Path:
    """A file for a component's state."""
    return get_sage_paths(project_root).get_states_file(name, subdir)


def setup_sage_environment(project_root: str | Path | None = None) -> dict[str, Path]:
    """Tell child processes where the folders are."""
    return get_sage_paths(project_root).setup_environment_variables()


def initialize_sage_paths(project_root: str | Path | None = None) -> SageOutputPaths:
    """SAGE's folders for a project; child processes are told."""
    paths = get_sage_paths(project_root)
    paths.setup_environment_variables()
    return paths


# --- the user's folders ----------------------------------------------------------------------------------------------


def _user_folder(variable: str, default: str) -> Path:
    """A folder of the XDG base directory specification, with SAGE's folder made in it."""
    folder = Path(os.environ.get(variable) or Path.home() / default) / "sage"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def get_user_config_dir() -> Path:
    """The user's folder for SAGE's configuration."""
    return _user_folder("XDG_CONFIG_HOME", ".config")


def get_user_data_dir() -> Path:
    """The user's folder for SAGE's data."""
    return _user_folder("XDG_DATA_HOME", ".local/share")


def get_user_state_dir() -> Path:
    """The user's folder for SAGE's state."""
    return _user_folder("XDG_STATE_HOME", ".local/state")


def get_user_cache_dir() -> Path:
    """The user's folder for SAGE's caches."""
    return _user_folder("XDG_CACHE_HOME", ".cache")


class SageUserPaths:
    """The user's folders for SAGE; each is made when it is first asked for."""

    @property
    def config_dir(self) -> Path:
        """For configuration."""
        return get_user_config_dir()

    @property
    def data_dir(self) -> Path:
        """For data."""
        return get_user_data_dir()

    @property
    def state_dir(self) -> Path:
        """For state."""
        return get_user_state_dir()

    @property
    def cache_dir(self) -> Path:
        """For caches."""
        return get_user_cache_dir()

    @property
    def config_file(self) -> Path:
        """The configuration file."""
        return self.config_dir / "config.yaml"

    @property
    def cluster_config_file(self) -> Path:
        """The configuration of a cluster."""
        return self.config_dir / "cluster.yaml"

    @property
    def credentials_file(self) -> Path:
        """The file for credentials."""
        return self.config_dir / "credentials.yaml"

    @property
    def models_dir(self) -> Path:
        """For models."""
        return _made(self.data_dir / "models")

    @property
    def sagellm_models_dir(self) -> Path:
        """For sageLLM's models."""
        return _made(self.models_dir / "sagellm")

    @property
    def sessions_dir(self) -> Path:
        """For sessions."""
        return _made(self.data_dir / "sessions")

    @property
    def vector_db_dir(self) -> Path:
        """For vector databases."""
        return _made(self.data_dir / "vector_db")

    @property
    def finetune_dir(self) -> Path:
        """For fine-tuning."""
        return _made(self.data_dir / "finetune")

    @property
    def flows_dir(self) -> Path:
        """For flows."""
        return _made(self.data_dir / "flows")

    @property
    def logs_dir(self) -> Path:
        """For logs."""
        return _made(self.state_dir / "logs")

    def get_log_file(self, name: str) -> Path:
        """A file for a log."""
        return self.logs_dir / (name if name.endswith(".log") else f"{name}.log")

    @property
    def hf_cache_dir(self) -> Path:
        """For Hugging Face's cache."""
        return _made(self.cache_dir / "huggingface")

    @property
    def stream_cache_dir(self) -> Path:
        """For streams."""
        return _made(self.cache_dir / "stream")

    @property
    def sagellm_cache_dir(self) -> Path:
        """For sageLLM."""
        return _made(self.cache_dir / "sagellm")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@lru_cache(maxsize=1)
def get_user_paths() -> SageUserPaths:
    """The user's folders for SAGE."""
    return SageUserPaths()
