"""Textual still is inside as `terminal/textual_internals.py` expects; a release that changes that fails here."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import textual
from rich.console import Console
from textual.app import App
from textual.driver import Driver
from textual.drivers import _writer_thread
from textual.drivers.linux_driver import LinuxDriver
from textual.widget import Widget
from textual.widgets import _toast

from sage_tui.dashboard.terminal import textual_internals

DASHBOARD = Path(textual_internals.__file__).parents[1]


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]


def test_this_is_the_minor_version_that_was_tried() -> None:
    assert textual.__version__.split(".")[:2] == ["8", "2"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (LinuxDriver, "_sigcont_application"),
        (LinuxDriver, "_disable_mouse_support"),
        (LinuxDriver, "_get_terminal_size"),
        (LinuxDriver, "no_automatic_restart"),
        (LinuxDriver, "suspend_application_mode"),
        (LinuxDriver, "resume_application_mode"),
        (Widget, "_forward_event"),
    ],
)
def test_a_method_is_there(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (LinuxDriver, "self._writer_thread = WriterThread(self._file)"),
        (LinuxDriver, "self._key_thread"),
        (LinuxDriver, "self._must_signal_resume"),
        (LinuxDriver, "signal.signal(signal.SIGCONT, self._sigcont_application)"),
        (LinuxDriver, "signal.signal(signal.SIGWINCH, "),
        (LinuxDriver, "self.exit_event"),
        (Driver, "self._auto_restart"),
        (Driver, "self._app"),
        (App, "self._driver"),
        (App, "self._sync_available"),
        (Console, "self._environ"),
    ],
)
def test_an_attribute_is_set_or_used(owner: type, words: str) -> None:
    assert any(words in source(base) for base in owner.__mro__[:-1])


def test_the_writer_thread_is_a_thread_over_a_file_that_is_written_to_and_stopped() -> None:
    thread = _writer_thread.WriterThread
    assert list(inspect.signature(thread.__init__).parameters) == ["self", "file"]
    assert {"write", "run", "stop", "fileno", "flush", "isatty"} <= thread.__dict__.keys()


def test_a_driver_reads_no_more_after_what_disable_input_does() -> None:
    """Ours does the same, all but the flush that drops the keys that wait."""
    body = source(LinuxDriver.disable_input)
    for words in ("signal.SIGWINCH", "_disable_mouse_support()", "exit_event.set()", "_key_thread.join()", "tcflush"):
        assert words in body


def test_a_toast_rack_removes_a_toast_that_has_expired_without_its_holder() -> None:
    assert "ToastHolder" in source(_toast)
    assert issubclass(_toast.ToastHolder, Widget)


def test_nothing_else_in_the_dashboard_touches_what_textual_keeps_private() -> None:
    private = {
        name
        for owner in (App, Driver, LinuxDriver, Widget)
        for base in owner.__mro__
        for name in vars(base)
        if name.startswith("_") and not name.startswith("__")
    }
    for file in DASHBOARD.rglob("*.py"):
        if file.name != "textual_internals.py":
            text = file.read_text(encoding="utf-8")
            assert "import _" not in text
            assert not [name for name in private if f".{name}" in text.replace("self.", "") and f".{name}(" in text]
