"""SIGTSTP and SIGCONT, however close to one another: what is done to the terminal, and whether we stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from sage_tui.dashboard.terminal.signals import JobControl, SignalHandlers

STOP, GO_ON = signal.SIGTSTP, signal.SIGCONT


def tell(*signums: int) -> None:
    """Have these signals come, in this order."""
    for signum in signums:
        os.kill(os.getpid(), signum)


@dataclass
class Desk:
    """A terminal, and a process that only notes that it would stop; signals come in the middle of what they do."""

    taken: bool = True
    wanted: bool = True
    lent: bool = False
    done: list[str] = field(default_factory=list)
    meanwhile: dict[str, list[list[int]]] = field(default_factory=dict)
    """Which signals come during the first, second, ... time that something is done."""

    def _does(self, what: str) -> None:
        self.done.append(f"{what}:")
        if self.meanwhile.get(what):
            tell(*self.meanwhile[what].pop(0))
        self.done.append(what)

    def give_back(self) -> None:
        self._does("give back")
        self.taken = False

    def take(self) -> None:
        self._does("take")
        self.taken = True

    def drop_keys(self) -> None:
        """There are none."""

    def stop(self) -> None:
        self._does("stop")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (STOP, GO_ON, signal.SIGUSR1)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def what_is_done(desk: Desk, *signums: int, act: Callable[[SignalHandlers], None] = lambda _: None) -> list[str]:
    """What is done when these signals come, without the run's being told; each thing once it is at an end."""

    async def handled() -> None:
        signals = SignalHandlers(asyncio.get_running_loop())
        suspending = JobControl(desk, signals, desk.stop)
        suspending.after_stop = lambda: desk.done.append("on")
        act(signals)
        try:
            tell(*signums)
            for _ in range(10):  # turns of the loop: more than there are signals
                await asyncio.sleep(0)
        finally:
            signals.close()

    asyncio.run(handled())
    at_an_end = [what for what in desk.done if not what.endswith(":")]
    in_turn = [step for what in at_an_end for step in ([what] if what == "on" else [f"{what}:", what])]
    assert desk.done == in_turn, "one thing began in the middle of another"
    return at_an_end


def test_a_stop_gives_the_terminal_back_and_takes_it_when_it_goes_on() -> None:
    desk = Desk(meanwhile={"stop": [[GO_ON]]})
    assert what_is_done(desk, STOP) == ["give back", "stop", "take", "on"]


def test_told_to_go_on_before_it_has_stopped_it_does_not_stop() -> None:
    assert what_is_done(Desk(meanwhile={"give back": [[GO_ON]]}), STOP) == ["give back", "take", "on"]


def test_of_a_stop_and_a_go_on_that_came_at_once_the_last_one_counts() -> None:
    assert what_is_done(Desk(), STOP, GO_ON) == ["give back", "take", "on"]
    desk = Desk(meanwhile={"stop": [[GO_ON]]})
    assert what_is_done(desk, GO_ON, STOP) == ["give back", "stop", "take", "on"]


def test_two_stops_are_one() -> None:
    desk = Desk(meanwhile={"give back": [[STOP]], "stop": [[GO_ON]]})
    assert what_is_done(desk, STOP, STOP) == ["give back", "stop", "take", "on"]


def test_told_to_stop_while_it_goes_on_it_stops_again() -> None:
    desk = Desk(meanwhile={"stop": [[GO_ON, STOP], [GO_ON]]})
    assert what_is_done(desk, STOP) == ["give back", "stop", "stop", "take", "on"]
    desk = Desk(meanwhile={"stop": [[GO_ON], [GO_ON]], "take": [[STOP]]})
    assert what_is_done(desk, STOP) == ["give back", "stop", "take", "on"] * 2


def test_to_go_on_without_having_been_told_to_stop_takes_the_terminal_anew() -> None:
    assert what_is_done(Desk(), GO_ON) == ["give back", "take", "on"]


def test_a_terminal_that_is_given_back_for_good_is_not_taken_again() -> None:
    desk = Desk(taken=False, wanted=False, meanwhile={"stop": [[GO_ON]]})
    assert what_is_done(desk, STOP, GO_ON, STOP) == ["stop", "on"]


def test_with_an_editor_in_its_terminal_it_stops_at_once_and_takes_nothing() -> None:
    desk = Desk(taken=False, lent=True, meanwhile={"stop": [[GO_ON]]})
    assert what_is_done(desk, STOP) == ["stop", "on"]


def test_other_signals_that_come_meanwhile_are_told_afterwards() -> None:
    desk = Desk(meanwhile={"give back": [[signal.SIGUSR1]], "stop": [[GO_ON]]})

    def handled(signals: SignalHandlers) -> None:
        signals.add(signal.SIGUSR1, lambda: desk.done.append("on"))

    assert what_is_done(desk, STOP, act=handled) == ["give back", "stop", "take", "on", "on"]
