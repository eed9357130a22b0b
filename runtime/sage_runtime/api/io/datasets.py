"""Batches over data sets: JSON lines, and Hugging Face's `datasets` where that package is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from sage_runtime.api.ready_made import IteratorBatch


class JSONLBatch(IteratorBatch):
    """The lines of the JSON Lines file `config["data_path"]`: each object's `query` if it has one, else the object.

    Empty lines are left out; a line that is no JSON is reported in the log and left out.
    """

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if config is None:
            raise ValueError("JSONLBatch needs a config with data_path")
        self.config = config
        self.file_path = config["data_path"]

    def get_data_iterator(self) -> Iterator[Any]:
        """The queries or objects.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with Path(self.file_path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    data = json.loads(line)
                except ValueError as error:
                    self.logger.error(f"{self.file_path}, line {number} is no JSON: {error}")
                    continue
                yield data["query"] if isinstance(data, dict) and "query" in data else data


class HFDatasetBatch(IteratorBatch):
    """The questions of a Hugging Face data set, as `{"query": …, "references": […]}`.

    `config`: hf_dataset_name, hf_dataset_config, hf_split (train). Columns: question, golden_answers.

    Raises:
        ImportError: the package `datasets` is not installed.
    """

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            datasets = import_module("datasets")
        except ImportError as error:
            raise ImportError(
                "HFDatasetBatch needs the package datasets: pip install datasets, for the Python that runs the script"
            ) from error
        if config is None:
            raise ValueError("HFDatasetBatch needs a config with hf_dataset_name")
        self.config = config
        self.hf_name = config["hf_dataset_name"]
        self.hf_config = config.get("hf_dataset_config")
        self.hf_split = config.get("hf_split", "train")
        self._load: Any = datasets.load_dataset

    def get_data_iterator(self) -> Iterator[dict[str, Any]]:
        """The examples, streamed."""
        for example in self._load(self.hf_name, self.hf_config, split=self.hf_split, streaming=True):
            yield {"query": example.get("question", ""), "references": example.get("golden_answers") or []}
