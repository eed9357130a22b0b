"""What sources emit and what operators do with it, in the environment of each era."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, ClassVar

import pytest

from sage_runtime.api.communication import EarlyStopSignal, RuntimeStopSignal, StopSignal
from sage_runtime.api.environment import (
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import (
    BaseCoMapFunction,
    BaseFunction,
    BaseJoinFunction,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    SinkFunction,
    SourceFunction,
)
from sage_runtime.events import Failure

from .conftest import Published
from .pipelines import ERAS, Collect, Counting, Make

pytestmark = pytest.mark.usefixtures("runtime")


class TestSources:
    @ERAS
    def test_a_batch_ends_with_none(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch(Counting, count=4).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [1, 2, 3, 4]

    @ERAS
    @pytest.mark.parametrize("signal", [StopSignal(), EarlyStopSignal("end"), RuntimeStopSignal("end")])
    def test_a_batch_or_a_source_ends_with_a_stop_signal(self, make: Make, signal: Any, seen: list[Any]) -> None:
        values = iter([1, None, 2, signal])
        env = make()
        env.from_source(lambda: next(values)).sink(Collect, seen)
        env.from_collection(lambda: signal).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [1, 2]

    @ERAS
    def test_a_source_goes_on_after_none(self, make: Make, seen: list[Any]) -> None:
        class Pausing(SourceFunction):
            values: ClassVar[list[Any]] = [None, 1, None, None, 2, StopSignal("end")]

            def execute(self, data: Any = None) -> Any:
                return self.values.pop(0)

        env = make()
        env.from_source(Pausing).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [1, 2]

    @ERAS
    @pytest.mark.parametrize("values", [[1, 2], (1, 2), range(1, 3), {1, 2}, {1: "a", 2: "b"}])
    def test_collections_are_emitted_whole(self, make: Make, values: Any, seen: list[Any]) -> None:
        env = make()
        env.from_batch(values).sink(Collect, seen)
        env.submit(autostop=True)
        assert sorted(seen) == [1, 2]

    def test_a_text_is_emitted_by_characters(self, seen: list[Any]) -> None:
        env = LocalEnvironment()
        env.from_batch("abc").sink(Collect, seen)
        env.from_collection(["d"]).sink(Collect, seen)
        env.submit(autostop=True)
        assert sorted(seen) == ["a", "b", "c", "d"]

    def test_a_batch_that_only_gives_an_iterator_is_read(self, seen: list[Any]) -> None:
        class Lines(BaseFunction):
            def get_data_iterator(self) -> Any:
                return iter(["a", "b"])

        env = LocalEnvironment()
        env.from_batch(Lines).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == ["a", "b"]

    @ERAS
    def test_a_source_that_raises_ends_and_nothing_hangs(
        self, make: Make, seen: list[Any], published: Published
    ) -> None:
        class Breaking(SourceFunction):
            left = 2

            def execute(self) -> Any:
                self.left -= 1
                if self.left < 0:
                    raise OSError("gone")
                return self.left

        env = make()
        env.from_source(Breaking).sink(Collect, seen)
        try:
            env.submit(autostop=True)
        except OSError:
            assert make is RuntimeLocalEnvironment
        assert seen == [1, 0]
        assert [failure.exception for failure in published.of(Failure)] == ["OSError"]


class TestOperators:
    @ERAS
    def test_lambdas_do_everything(self, make: Make, seen: list[Any]) -> None:
        env = make()
        stream = env.from_batch([1, 2, 3, 4]).map(lambda x: x * 10).filter(lambda x: x > 10)
        stream.flatmap(lambda x: [x, -x]).keyby(lambda x: x > 0).map(str).sink(seen.append)
        env.submit(autostop=True)
        assert Counter(seen) == Counter(["20", "-20", "30", "-30", "40", "-40"])

    @ERAS
    def test_none_from_a_map_is_dropped(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2, 3]).map(lambda x: x if x != 2 else None).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [1, 3]

    @ERAS
    def test_a_flatmap_flattens_what_is_returned_and_then_what_is_collected(self, make: Make, seen: list[Any]) -> None:
        class Spread(FlatMapFunction):
            def __init__(self) -> None:
                pass

            def execute(self, data: Any) -> Any:
                self.collect("collected")
                return {"list": [1, 2], "tuple": (3,), "text": "whole", "nothing": None, "number": 4}[data]

        env = make()
        env.from_batch(["list", "tuple", "text", "nothing", "number"]).flatmap(Spread).sink(Collect, seen)
        env.submit(autostop=True)
        c = "collected"
        assert seen == [1, 2, c, 3, c, "whole", c, c, 4, c]

    @ERAS
    def test_a_filter_keeps_what_is_true(self, make: Make, seen: list[Any]) -> None:
        class Even(FilterFunction):
            def execute(self, data: Any) -> Any:
                return [] if data % 2 else ["yes"]

        env = make()
        env.from_batch(range(5)).filter(Even).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [0, 2, 4]

    @ERAS
    def test_records_of_a_key_meet_in_one_replica(self, make: Make) -> None:
        class Parity(KeyByFunction):
            def execute(self, data: Any) -> Any:
                return data % 3

        places: list[tuple[Any, int, int]] = []

        class Note(SinkFunction):
            def execute(self, data: Any) -> None:
                places.append((self.ctx.get_key(), self.ctx.parallel_index, self.ctx.parallelism))

        env = make()
        env.from_batch(range(60)).keyby(Parity).map(lambda x: x).sink(Note, parallelism=2)
        env.submit(autostop=True)
        assert len(places) == 60
        assert all(len({index for key, index, _ in places if key == wanted}) == 1 for wanted in range(3))
        assert {parallelism for *_, parallelism in places} == {2}

    @ERAS
    def test_a_comap_ends_when_all_its_inputs_have(self, make: Make, seen: list[Any]) -> None:
        class Sides(BaseCoMapFunction):
            def map0(self, data: Any) -> Any:
                return ("left", data)

            def map1(self, data: Any) -> Any:
                return ("right", data) if data != 4 else None

        env = make()
        env.from_batch([1, 2]).connect(env.from_batch(range(3, 8))).comap(Sides).sink(Collect, seen)
        env.submit(autostop=True)
        assert Counter(seen) == Counter(
            [("left", 1), ("left", 2), ("right", 3), ("right", 5), ("right", 6), ("right", 7)]
        )

    @ERAS
    def test_a_join_gets_payload_key_and_side(self, make: Make, seen: list[Any]) -> None:
        class ById(KeyByFunction):
            def execute(self, data: Any) -> Any:
                return data["id"]

        class Inner(BaseJoinFunction):
            def __init__(self) -> None:
                super().__init__()
                self.sides: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})

            def execute(self, payload: Any, key: Any, tag: int) -> Any:
                self.sides[tag][key] = payload
                other = self.sides[1 - tag].get(key)
                return [] if other is None else [(key, {**payload, **other})]

        env = make()
        users = env.from_batch([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}])
        orders = env.from_batch([{"id": 2, "item": "x"}, {"id": 3, "item": "y"}, {"id": 4, "item": "z"}])
        users.connect(orders).keyby(ById).join(Inner, parallelism=2).sink(Collect, seen)
        env.submit(autostop=True)
        assert sorted(seen) == [(2, {"id": 2, "name": "b", "item": "x"}), (3, {"id": 3, "name": "c", "item": "y"})]

    @ERAS
    def test_connected_streams_merge_into_a_map(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2]).connect(env.from_batch([3])).map(lambda x: -x).sink(seen.append)
        env.submit(autostop=True)
        assert Counter(seen) == Counter([-1, -2, -3])

    @ERAS
    def test_both_branches_of_a_stream_get_everything(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2]).sink(Collect, seen).map(lambda x: x * 10).sink(Collect, seen)
        env.submit(autostop=True)
        assert Counter(seen) == Counter([1, 2, 10, 20])

    @ERAS
    def test_a_feedback_loop_ends_when_nothing_is_in_flight(self, make: Make, seen: list[Any]) -> None:
        class Merge(BaseCoMapFunction):
            def map0(self, data: Any) -> Any:
                return data

            def map1(self, data: Any) -> Any:
                return data

        env = make()
        again = env.from_future("again")
        merged = env.from_batch([3, 5]).connect(again).comap(Merge)
        merged.sink(Collect, seen)
        merged.map(lambda x: x - 1).filter(lambda x: x > 0).fill_future(again)
        env.submit(autostop=True)
        assert Counter(seen) == Counter([3, 2, 1, 5, 4, 3, 2, 1])

    @ERAS
    def test_sinks_are_closed_once_for_each_replica(self, make: Make) -> None:
        closed: list[int] = []

        class Closing(SinkFunction):
            def execute(self, data: Any) -> None: ...

            def close(self) -> None:
                closed.append(self.ctx.parallel_index)

        env = make()
        env.from_batch([1, 2, 3]).sink(Closing, parallelism=2)
        env.submit(autostop=True)
        assert sorted(closed) == [0, 1]

    @ERAS
    def test_functions_are_constructed_once_for_each_replica_on_the_submitting_thread(self, make: Make) -> None:
        made: list[Any] = []

        class Made(MapFunction):
            def __init__(self) -> None:
                made.append(threading.current_thread())

            def execute(self, data: Any) -> Any:
                return data

        env = make()
        env.from_batch([1]).map(Made, parallelism=3).sink(lambda x: None)
        assert made == []
        env.submit(autostop=True)
        assert made == [threading.current_thread()] * 3


class TestPrint:
    def test_era_1_prints_each_record(self, capsys: pytest.CaptureFixture[str]) -> None:
        env = LocalEnvironment()
        env.from_batch([1, 2]).print("n")
        env.submit(autostop=True)
        assert capsys.readouterr().out == "n | 1\nn | 2\n"

    @pytest.mark.parametrize("make", [KernelLocalEnvironment, RuntimeLocalEnvironment])
    def test_later_eras_begin_with_a_banner(self, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
        env = make()
        env.from_batch([1, 2]).print()
        env.submit(autostop=True)
        assert capsys.readouterr().out.splitlines() == [
            "🔍 Stream output: 1",
            "   (Further outputs logged. Check logs for details.)",
            "2",
        ]

    def test_connected_streams_print_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        env = LocalEnvironment()
        env.from_batch([1]).connect(env.from_batch([2])).print()
        env.submit(autostop=True)
        assert sorted(capsys.readouterr().out.split()) == ["1", "2"]


def test_a_source_is_closed_when_it_has_ended() -> None:
    env = LocalEnvironment("closing")

    class RefreshLoop(SourceFunction):
        closed = 0

        def execute(self) -> Any:
            return StopSignal("over")

        def close(self) -> None:
            RefreshLoop.closed += 1

    env.from_source(RefreshLoop).sink(lambda value: None)
    env.submit(autostop=True)
    assert RefreshLoop.closed == 1


def test_a_checkpointed_source_goes_on_after_it_raised() -> None:
    class RefreshLoop(SourceFunction):
        def __init__(self) -> None:
            super().__init__()
            self.counter = 0

        def execute(self) -> Any:
            self.counter += 1
            if self.counter == 3:
                raise ValueError("once")
            return self.counter if self.counter <= 5 else StopSignal("over")

        def get_state(self) -> dict[str, Any]:
            return {"counter": self.counter}

        def restore_state(self, state: dict[str, Any]) -> None:
            self.counter = state["counter"]

    seen: list[int] = []
    env = KernelLocalEnvironment("recovering", config={"fault_tolerance": {"strategy": "checkpoint"}})
    env.from_source(RefreshLoop).sink(seen.append)
    env.submit(autostop=True)
    assert seen == [1, 2, 4, 5]


@pytest.mark.usefixtures("runtime")
@ERAS
def test_a_context_is_named_after_the_operator_and_its_replica_as_each_era_does(make: Make, seen: list[Any]) -> None:
    class Named(MapFunction):
        def execute(self, data: Any) -> str:
            return str(self.ctx.name)

    env = make()
    env.from_batch([1, 2, 3, 4]).map(Named, parallelism=2).sink(Collect, seen)
    env.from_batch([1]).map(Named).sink(Collect, seen)
    env.submit(autostop=True)
    later = env.era.number == 3
    assert set(seen) == ({"Named_r0", "Named_r1", "Named_1"} if later else {"Named_0", "Named_1", "Named_1_0"})
