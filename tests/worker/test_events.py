"""The events' registry: defining an event or a command is all that adding it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from sage_runtime.events import CHANNELS, COMMANDS, EVENT_TYPES, Command, Event, decode, decode_command, encode
from sage_runtime.events import encode_command as command_line


@pytest.fixture
def registries() -> Iterator[None]:
    """What the test defines is forgotten afterwards."""
    before = [(registry, registry.copy()) for registry in (EVENT_TYPES, COMMANDS)]
    channels = CHANNELS.copy()
    yield
    for registry, known in before:
        for name in registry.keys() - known.keys():
            del registry[name]
    CHANNELS[:] = channels


@pytest.mark.usefixtures("registries")
def test_an_event_is_known_once_its_class_is_defined() -> None:
    class Profile(Event, kw_only=True, channel=True):
        type: ClassVar[str] = "profile"
        samples: tuple[int, ...] = ()

    event = Profile(run=1, t=2.0, seq=3, samples=(4, 5))
    assert decode(encode(event)) == event
    assert CHANNELS[-1] == "profile"


@pytest.mark.usefixtures("registries")
def test_an_event_has_a_channel_only_if_it_asks_for_one() -> None:
    class Quiet(Event, kw_only=True):
        type: ClassVar[str] = "quiet"

    assert decode(encode(Quiet())) == Quiet()
    assert "quiet" not in CHANNELS


@pytest.mark.usefixtures("registries")
def test_a_command_is_known_once_its_class_is_defined() -> None:
    class Restart(Command):
        command: ClassVar[str] = "restart"
        pipeline: str = ""

    assert decode_command(command_line(Restart(pipeline="p"))) == Restart(pipeline="p")


def test_the_journal_s_channels_are_those_of_the_contract() -> None:
    assert set(CHANNELS) == {"output", "log", "service_call", "failure", "notice", "record", "trace"}
