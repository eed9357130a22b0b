"""The panes with nothing but lines: what was printed, and what was logged."""

from __future__ import annotations

from sage_tui.dashboard.log.formatters import LogFormatter, OutputFormatter
from sage_tui.dashboard.log.line_pane import LinePane
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours


class OutputPane(LinePane):
    """What operators, services and the script print, as it comes."""

    pane = "output"
    label = "Output"
    short = "Out"
    channel = "output"
    empty = "Nothing has been printed yet"

    def __init__(self, colours: SourceColours, finder: RunLinesFinder) -> None:
        super().__init__(OutputFormatter(colours), finder)


class LogPane(LinePane):
    """What went to Python's logging and SAGE's loggers."""

    pane = "log"
    label = "Log"
    short = "Log"
    channel = "log"
    empty = "Nothing has been logged yet"

    def __init__(self, colours: SourceColours, finder: RunLinesFinder) -> None:
        super().__init__(LogFormatter(colours), finder)
