"""The registry of local models (`sage.foundation`): a manifest beside the models' folders.

`download_model` needs the network and the package `huggingface_hub`; the others only look at the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any


class ModelRegistryError(RuntimeError):
    """Something is wrong with the registry or a download."""


class ModelNotFoundError(ModelRegistryError):
    """No model of that name is here."""


@dataclass
class ModelInfo:
    """A model on disk. `size_bytes` of its folder; `last_used` in seconds since the epoch."""

    model_id: str
    path: Path
    revision: str | None = None
    size_bytes: int = 0
    last_used: float | None = None
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = Path(self.path)

    @property
    def size_mb(self) -> float:
        """Its size in MiB."""
        return self.size_bytes / 2**20

    @property
    def last_used_iso(self) -> str | None:
        """When it was last used, as ISO 8601 in UTC."""
        return None if self.last_used is None else datetime.fromtimestamp(self.last_used, UTC).isoformat()


def list_models(root: Path | None = None) -> list[ModelInfo]:
    """The models on disk, by name."""
    return sorted((info for info in _load(root) if info.path.exists()), key=lambda info: info.model_id)


def get_model_path(model_id: str, root: Path | None = None) -> Path | None:
    """The folder of a model, None if it is not here."""
    return next((info.path for info in list_models(root) if info.model_id == model_id), None)


def touch_model(model_id: str, root: Path | None = None) -> None:
    """Note that a model is used now.

    Raises:
        ModelNotFoundError: it is not here.
    """
    models = list_models(root)
    found = next((info for info in models if info.model_id == model_id), None)
    if found is None:
        raise ModelNotFoundError(f"no model {model_id!r} in {_root(root)}")
    found.last_used = time.time()
    _save(models, root)


def delete_model(model_id: str, root: Path | None = None) -> bool:
    """Remove a model's folder; false if it is not here."""
    models = list_models(root)
    found = next((info for info in models if info.model_id == model_id), None)
    if found is None:
        return False
    shutil.rmtree(found.path)
    _save([info for info in models if info is not found], root)
    return True


def download_model(model_id: str, revision: str | None = None, root: Path | None = None, **kwargs: Any) -> ModelInfo:
    """Fetch a model from Hugging Face into the registry.

    Raises:
        ModelRegistryError: the package `huggingface_hub` is not installed.
    """
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        raise ModelRegistryError("download_model needs the package huggingface_hub") from error
    folder = _root(root) / model_id.replace("/", "__")
    hub.snapshot_download(repo_id=model_id, revision=revision, local_dir=str(folder))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    info = ModelInfo(model_id, folder, revision, size, time.time())
    _save([*(other for other in list_models(root) if other.model_id != model_id), info], root)
    return info


def ensure_model_available(model_id: str, root: Path | None = None, auto_download: bool = True, **kwargs: Any) -> Path:
    """The folder of a model, fetched if need be.

    Raises:
        ModelNotFoundError: it is not here, and is not to be fetched.
    """
    path = get_model_path(model_id, root)
    if path is None and not auto_download:
        raise ModelNotFoundError(f"no model {model_id!r} in {_root(root)}")
    return path if path is not None else download_model(model_id, root=root, **kwargs).path


def _root(root: Path | None) -> Path:
    from sage_runtime.api.paths import get_user_paths

    named = os.environ.get("SAGE_LLM_MODEL_ROOT")
    folder = Path(root or named or get_user_paths().sagellm_models_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _load(root: Path | None) -> list[ModelInfo]:
    manifest = _root(root) / "models.json"
    if not manifest.exists():
        return []
    try:
        return [ModelInfo(**entry) for entry in json.loads(manifest.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ModelRegistryError(f"{manifest} cannot be read: {error}") from error


def _save(models: list[ModelInfo], root: Path | None) -> None:
    entries = [{**asdict(info), "path": str(info.path)} for info in models]
    (_root(root) / "models.json").write_text(json.dumps(entries, indent=2), encoding="utf-8")
