"""`CustomLogger` in the forms of the eras: what it accepts, what reaches the console, what reaches the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sage_runtime.api.eras import ERA_1, ERA_3
from sage_runtime.api.functions import MapFunction, create_function
from sage_runtime.api.logger import (
    CustomLogger,
    RuntimeCustomLogger,
    Switch,
    attach_console,
    get_logger,
    set_console_level,
)


@pytest.fixture(autouse=True)
def switches() -> Iterator[None]:
    Switch.console = Switch.debug = True
    yield
    Switch.console = Switch.debug = True


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """Every log record, as the worker sees them."""
    seen: list[logging.LogRecord] = []
    call_handlers = logging.Logger.callHandlers

    def see(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record)
        call_handlers(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", see)
    return seen


@pytest.mark.parametrize(
    "arguments",
    [
        ((), {"name": "App"}),
        (("App",), {}),
        (([("console", "INFO")], "App"), {}),
        (("App", [("console", "INFO")]), {}),
        ((), {"outputs": [("console", 20)], "name": "App", "log_base_folder": "."}),
    ],
)
@pytest.mark.parametrize("form", [CustomLogger, RuntimeCustomLogger])
def test_both_forms_take_the_arguments_of_either(form: Any, arguments: Any, records: list[logging.LogRecord]) -> None:
    args, kwargs = arguments
    form(*args, **kwargs).info("hello 100%")
    assert [(record.name, record.getMessage()) for record in records] == [("sage.App", "hello 100%")]


def test_a_logger_can_be_asked_for_by_its_name(records: list[logging.LogRecord]) -> None:
    RuntimeCustomLogger.get_logger("Reports").info("ready")
    get_logger("Reports").info("ready")
    assert {(record.name, record.getMessage()) for record in records} == {("sage.Reports", "ready")}


def test_a_line_tells_time_level_logger_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    CustomLogger(name="App").warning("careful")
    time, level, name, rest = capsys.readouterr().err.rstrip("\n").split(" | ")
    assert (len(time), level, name) == (8, "WARNING", "App")
    assert rest.startswith("test_custom_logger.py:")
    assert rest.endswith(" → careful")


def test_era_3_writes_the_bare_message(capsys: pytest.CaptureFixture[str]) -> None:
    RuntimeCustomLogger("App").info("hello %s", "you")
    assert capsys.readouterr() == ("", "hello you\n")


def test_the_console_has_a_level_and_the_log_has_everything(
    capsys: pytest.CaptureFixture[str], records: list[logging.LogRecord]
) -> None:
    logger = CustomLogger([("console", "ERROR")], name="App")
    logger.debug("quiet")
    logger.error("loud")
    assert "quiet" not in capsys.readouterr().err
    assert [record.levelname for record in records] == ["DEBUG", "ERROR"]
    logger.update_output_level("console", "DEBUG")
    logger.debug("now")
    assert "now" in capsys.readouterr().err


def test_an_exception_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        CustomLogger(name="App").exception("failed")
    assert "KeyError: 'lost'" in capsys.readouterr().err


def test_disabling_keeps_later_loggers_off_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    before = CustomLogger(name="Before")
    CustomLogger.disable_global_console_debug()
    assert not CustomLogger.is_global_console_debug_enabled()
    CustomLogger(name="After").error("unseen")
    before.error("seen")
    assert "unseen" not in (err := capsys.readouterr().err)
    assert "seen" in err
    CustomLogger.enable_global_console_debug()
    CustomLogger(name="Again").error("again")
    assert "again" in capsys.readouterr().err


def test_era_3_only_drops_debug_messages(records: list[logging.LogRecord]) -> None:
    RuntimeCustomLogger.disable_global_console_debug()
    logger = RuntimeCustomLogger("App")
    logger.debug("dropped")
    logger.info("kept")
    assert [record.getMessage() for record in records] == ["kept"]


def test_a_file_that_was_asked_for_is_written(tmp_path: Path) -> None:
    logger = CustomLogger([("app.log", "INFO")], name="Filed", log_base_folder=tmp_path)
    logger.info("hello")
    assert "hello" in (tmp_path / "app.log").read_text(encoding="utf-8")
    CustomLogger([], name="Filed").info("to no file")
    assert "to no file" not in (tmp_path / "app.log").read_text(encoding="utf-8")


def test_wrong_levels_and_outputs_are_named() -> None:
    with pytest.raises(ValueError, match="no log level 'LOUD'"):
        CustomLogger([("console", "LOUD")])
    with pytest.raises(ValueError, match=r"logger 'App' has no output 'app\.log'"):
        get_logger("App").update_output_level("app.log", "INFO")


def test_the_scripts_own_root_handlers_do_not_get_sages_messages(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    CustomLogger([], name="App").error("not twice")
    logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().err == ""


class TestOperatorsOwnLoggers:
    def make(self, era: Any) -> Any:
        logger = logging.getLogger("sage.pipe.Talk")
        logger.handlers.clear()
        attach_console(logger, era, "INFO")
        attach_console(logger, era, "INFO")

        class Talk(MapFunction):
            def execute(self, data: Any) -> Any:
                self.logger.info(f"got {data}")
                self.logger.debug("details")

        return create_function(Talk, (), {}, SimpleNamespace(pipeline="pipe", operator="Talk", logger=logger))

    def test_they_write_to_the_console_from_info_on(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.make(ERA_3).execute(1)
        assert capsys.readouterr().err == "got 1\n"

    def test_they_are_silent_when_the_console_is_disabled(self, capsys: pytest.CaptureFixture[str]) -> None:
        talk = self.make(ERA_1)
        CustomLogger.disable_global_console_debug()
        talk.execute(1)
        assert capsys.readouterr().err == ""

    def test_their_level_can_be_changed(self, capsys: pytest.CaptureFixture[str]) -> None:
        talk = self.make(ERA_3)
        set_console_level("pipe", "DEBUG")
        talk.execute(1)
        assert capsys.readouterr().err == "got 1\ndetails\n"
