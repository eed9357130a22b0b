"""`PrintSink`, which `stream.print()` uses: it prints every record, in every era.

SAGE 0.1.5.1 to 0.2.5 print only the first and send the others to a log; era 3 prints all of them after a banner.
"""

from __future__ import annotations

from typing import Any

from sage_runtime.api.functions import SinkFunction

_CYAN, _GREEN, _YELLOW, _BLUE, _RESET = "\033[96m", "\033[92m", "\033[93m", "\033[94m", "\033[0m"


class PrintSink(SinkFunction):
    """Prints each record in a readable form, after `prefix` and `separator` if there is a prefix.

    Pairs of a question with an answer or with chunks, lists and dictionaries have forms of their own; `colored` uses
    terminal colours for them.
    """

    def __init__(
        self,
        prefix: str = "",
        separator: str = " | ",
        colored: bool = True,
        quiet: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix
        self.separator = separator
        self.colored = colored
        self.quiet = quiet

    def execute(self, data: Any) -> None:
        """Print one record."""
        print(self.line(data))

    def line(self, data: Any) -> str:
        """What is printed for a record."""
        text = self.format(data)
        return f"{self.prefix}{self.separator}{text}" if self.prefix else text

    def format(self, data: Any) -> str:
        """The readable form of a record, as era 1 has it."""
        if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], str):
            question, answer = data
            if isinstance(answer, str):
                return f"{self._paint(_CYAN, f'[Q] {question}')}\n{self._paint(_GREEN, f'[A] {answer}')}"
            if isinstance(answer, list):
                heads = f"{self._paint(_CYAN, f'[Q] {question}')}\n{self._paint(_YELLOW, '[Chunks]')}\n"
                return heads + "\n".join(f"  - {chunk}" for chunk in answer)
        if isinstance(data, list):
            return "\n".join(f"  - {item}" for item in data)
        if isinstance(data, dict):
            return "\n".join(f"{self._paint(_BLUE, str(key))}: {value}" for key, value in data.items())
        return str(data)

    def _paint(self, color: str, text: str) -> str:
        return f"{color}{text}{_RESET}" if self.colored else text


class BannerPrintSink(PrintSink):
    """The print sink of eras 2 and 3: a banner with the first record, then one line for each."""

    _first = True

    def execute(self, data: Any) -> None:
        """Print one record, the first one (unless `quiet`) with the banner."""
        if self._first and not self.quiet:
            print(f"🔍 Stream output: {self.line(data)}")
            print("   (Further outputs logged. Check logs for details.)")
        else:
            print(self.line(data))
        self._first = False

    def format(self, data: Any) -> str:
        """The readable form of a record, as era 3 has it: one line, long lists and objects shortened."""
        if isinstance(data, dict):
            return ", ".join(f"{key}={value}" for key, value in data.items())
        if isinstance(data, list | tuple) and len(data) > 5:
            return f"[{', '.join(map(str, data[:5]))}, ... (+{len(data) - 5} more)]"
        if data is None or isinstance(data, str | int | float | bool | list | tuple):
            return str(data)
        attributes = getattr(data, "__dict__", None)
        if attributes is None:
            return str(data)
        shown = ", ".join(f"{name}={value}" for name, value in list(attributes.items())[:3])
        return f"{type(data).__name__}({shown})"


BannerPrintSink.__name__ = BannerPrintSink.__qualname__ = "PrintSink"
