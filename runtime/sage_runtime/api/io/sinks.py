"""The sinks of SAGE's libraries: questions and answers on the terminal, and into files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_runtime.api.config import get_output_file
from sage_runtime.api.functions import SinkFunction

_CYAN, _GREEN, _RESET = "\033[96m", "\033[92m", "\033[0m"


class TerminalSink(SinkFunction):
    """Prints questions and answers: pairs, or dictionaries with `query` or `question` and `answer` or `response`."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, data: Any) -> None:
        """Print one record."""
        question, answer = _question_and_answer(data)
        sink = type(self).__name__
        print(f"[{sink}]: {_CYAN}[Q] Question :{question}{_RESET}\n[{sink}]: {_GREEN}[A] Answer :{answer}{_RESET}")


def _question_and_answer(data: Any) -> tuple[Any, Any]:
    if isinstance(data, dict):
        return data.get("query") or data.get("question"), data.get("answer") or data.get("response")
    if isinstance(data, tuple | list):
        return (data[0], data[1]) if len(data) > 1 else (data[0] if data else None, None)
    return str(data), None


class RetriveSink(SinkFunction):
    """Prints pairs of a question and the chunks that were found for it."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, data: tuple[Any, Any]) -> None:
        """Print one record."""
        question, chunks = data
        print(f"{_CYAN}[Q] Question :{question}{_RESET}\n{_GREEN}[A] Chunks :{chunks}{_RESET}")


class _TextFileSink(SinkFunction):
    """Writes text to `config["file_path"]`, emptied at the start; a relative path is below SAGE's output folder."""

    _default = ""
    _title = ""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        path = Path((config or {}).get("file_path", self._default))
        if path.is_absolute():
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            path = get_output_file(str(path))
        self.file_path = str(path)
        path.write_text(f"=== {self._title} ===\n", encoding="utf-8")

    def _append(self, lines: list[str]) -> None:
        with Path(self.file_path).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in [*lines, "-" * 40])


class FileSink(_TextFileSink):
    """Writes pairs of a question and an answer, both texts; other records are reported in the log."""

    _default = "qa_output.txt"
    _title = "QA Output Log"

    def execute(self, data: Any) -> None:
        """Write one record."""
        if not isinstance(data, tuple) or len(data) != 2 or not all(isinstance(part, str) for part in data):
            self.logger.error(f"FileSink writes pairs of a question and an answer, not {data!r}")
            return
        self._append([f"[Q] Question: {data[0]}", f"[A] Answer  : {data[1]}"])


class MemWriteSink(_TextFileSink):
    """Writes texts, numbered from 1: one, a list of them, or those in a tuple."""

    _default = "mem_output.txt"
    _title = "Memory String Log"
    counter = 0

    def execute(self, data: Any) -> None:
        """Write one record."""
        if isinstance(data, list):
            texts = data
        elif isinstance(data, tuple):
            texts = [part for part in data if isinstance(part, str)]
        else:
            texts = [data]
        first = self.counter + 1
        self.counter += len(texts)
        self._append([f"[{number}] {text}" for number, text in enumerate(texts, first)])
