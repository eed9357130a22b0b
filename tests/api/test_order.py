"""The order in which records arrive, as scripts see it: that of SAGE's engines, each case run on the real ones."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.waiting import SOON

from sage_runtime.api.communication import RuntimeStopSignal
from sage_runtime.api.environment import BaseEnvironment, RuntimeLocalEnvironment
from sage_runtime.api.functions import (
    BaseCoMapFunction,
    BaseJoinFunction,
    BatchFunction,
    MapFunction,
    SinkFunction,
    SourceFunction,
)
from sage_runtime.engine.threads.engine import ThreadEngine

from .pipelines import ERAS, Make

pytestmark = pytest.mark.usefixtures("runtime")


class Arrivals(BaseCoMapFunction):
    def map0(self, data: Any) -> str:
        return f"0:{data}"

    def map1(self, data: Any) -> str:
        return f"1:{data}"

    def map2(self, data: Any) -> str:
        return f"2:{data}"


class Product(BaseCoMapFunction):
    """Keeps what came last on the left; answers on the right."""

    def __init__(self) -> None:
        self.left: Any = None

    def map0(self, data: Any) -> None:
        self.left = data

    def map1(self, data: Any) -> str:
        return f"{data}x{self.left}"


class Both(BaseCoMapFunction):
    """Keeps what came last on either side and answers on every record."""

    def __init__(self) -> None:
        self.left: Any = None
        self.right: Any = None

    def map0(self, data: Any) -> str | None:
        self.left = data
        return None if self.right is None else f"{self.right}x{self.left}"

    def map1(self, data: Any) -> str | None:
        self.right = data
        return None if self.left is None else f"{self.right}x{self.left}"


class TestInputsTakeTurns:
    @ERAS
    @pytest.mark.parametrize(
        ("batches", "arrivals"),
        [
            ([[1, 2, 3], [10, 20, 30]], "0:1 1:10 0:2 1:20 0:3 1:30"),
            ([[1, 2, 3], [10, 20, 30, 40, 50]], "0:1 1:10 0:2 1:20 0:3 1:30 1:40 1:50"),
            ([[1, 2, 3, 4, 5], [10, 20, 30]], "0:1 1:10 0:2 1:20 0:3 1:30 0:4 0:5"),
            ([[1, 2], [10, 20], [100, 200]], "0:1 1:10 2:100 0:2 1:20 2:200"),
            ([[1], [10, 20, 30], [100, 200]], "0:1 1:10 2:100 1:20 2:200 1:30"),
        ],
    )
    def test_of_batches(self, make: Make, batches: list[list[int]], arrivals: str, seen: list[Any]) -> None:
        env = make()
        stream, *others = [env.from_batch(batch) for batch in batches]
        streams: list[Any] = [env.from_batch(batch) for batch in batches]
        stream, *others = streams
        for other in others:
            stream = stream.connect(other)
        stream.comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert seen == arrivals.split()

    @ERAS
    @pytest.mark.parametrize(
        ("comap", "results"),
        [(Product, "10x1 20x2 30x3"), (Both, "10x1 10x2 20x2 20x3 30x3")],
    )
    def test_so_a_comap_with_state_is_right(self, make: Make, comap: Any, results: str, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2, 3]).connect(env.from_batch([10, 20, 30])).comap(comap).sink(seen.append)
        env.submit(autostop=True)
        assert seen == results.split()

    @ERAS
    def test_the_source_that_was_made_first_begins(self, make: Make, seen: list[Any]) -> None:
        env = make()
        right = env.from_batch([10, 20])
        env.from_batch([1, 2]).connect(right).comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert seen == ["1:10", "0:1", "1:20", "0:2"]

    @ERAS
    def test_without_a_comap_too(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2, 3]).connect(env.from_batch([10, 20, 30])).map(lambda x: x).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [1, 10, 2, 20, 3, 30]

    @ERAS
    def test_at_a_join(self, make: Make, seen: list[Any]) -> None:
        class Match(BaseJoinFunction):
            def __init__(self) -> None:
                self.sides: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})

            def execute(self, payload: Any, key: Any, tag: int) -> list[Any]:
                seen.append((tag, payload))
                self.sides[tag][key] = payload
                return [f"{self.sides[0][key]}x{payload}"] if tag and key in self.sides[0] else []

        env = make()
        left = env.from_batch([1, 2, 3]).keyby(lambda x: x)
        right = env.from_batch([10, 20, 30]).keyby(lambda x: x // 10)
        found: list[Any] = []
        left.connect(right).join(Match).sink(found.append)
        env.submit(autostop=True)
        assert seen == [(0, 1), (1, 10), (0, 2), (1, 20), (0, 3), (1, 30)]
        assert found == ["1x10", "2x20", "3x30"]

    @ERAS
    def test_of_the_branches_of_one_stream(self, make: Make, seen: list[Any]) -> None:
        env = make()
        stream = env.from_batch([1, 2, 3])
        stream.map(lambda x: x).connect(stream.map(lambda x: 10 * x)).comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert seen == ["0:1", "1:10", "0:2", "1:20", "0:3", "1:30"]

    @ERAS
    def test_of_which_the_shorter_begins(self, make: Make, seen: list[Any]) -> None:
        env = make()
        stream = env.from_batch([1, 2])
        longer = stream.map(lambda x: x).map(lambda x: 100 * x)
        longer.connect(stream.map(lambda x: 10 * x)).comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert seen == ["1:10", "0:100", "1:20", "0:200"]

    @ERAS
    def test_and_sources_that_end_lose_nothing(self, make: Make, seen: list[Any]) -> None:
        class Some(SourceFunction):
            def __init__(self, values: list[int]) -> None:
                self.values = list(values)

            def execute(self, data: Any = None) -> Any:
                return self.values.pop(0) if self.values else RuntimeStopSignal("end")

        env = make()
        left, right = env.from_source(Some, [1, 2, 3]), env.from_source(Some, [10, 20, 30, 40, 50])
        left.connect(right).comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert [arrival for arrival in seen if arrival[0] == "0"] == ["0:1", "0:2", "0:3"]
        assert [arrival for arrival in seen if arrival[0] == "1"] == ["1:10", "1:20", "1:30", "1:40", "1:50"]

    @ERAS
    def test_of_batches_though_one_is_late(self, make: Make, seen: list[Any]) -> None:
        quick_is_far_ahead = threading.Event()

        class Quick(BatchFunction):
            next = 0

            def execute(self) -> int | None:
                self.next += 1
                if self.next == 60:
                    quick_is_far_ahead.set()
                return self.next if self.next <= 100 else None

        class Late(Quick):
            def execute(self) -> int | None:
                assert quick_is_far_ahead.wait(SOON)
                return super().execute()

        env = make()
        env.from_batch(Quick).connect(env.from_batch(Late)).comap(Arrivals).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [f"{side}:{number}" for number in range(1, 101) for side in (0, 1)]


class Square(MapFunction):
    def execute(self, data: int) -> int:
        return data * data


class WhoDidIt(MapFunction):
    def execute(self, data: Any) -> tuple[int, Any]:
        return self.ctx.parallel_index, data


def era_3() -> BaseEnvironment:
    return RuntimeLocalEnvironment()


class TestReplicasInEra3KeepTheOrder:
    @pytest.mark.parametrize("parallelism", [2, 4])
    def test_of_a_map(self, parallelism: int, seen: list[Any]) -> None:
        env = era_3()
        env.from_batch(range(6)).map(Square, parallelism=parallelism).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [0, 1, 4, 9, 16, 25]

    @pytest.mark.parametrize("parallelism", [2, 4])
    def test_of_a_filter_and_a_flatmap(self, parallelism: int, seen: list[Any]) -> None:
        env = era_3()
        odd = env.from_batch(range(6)).filter(lambda x: x % 2 == 1, parallelism=parallelism)
        odd.flatmap(lambda x: [x, -x], parallelism=parallelism).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [1, -1, 3, -3, 5, -5]

    def test_of_operators_with_different_numbers_of_replicas(self, seen: list[Any]) -> None:
        env = era_3()
        doubled = env.from_batch(range(6)).map(lambda x: x, parallelism=2).flatmap(lambda x: [x, -x], parallelism=3)
        doubled.filter(lambda x: x % 2 == 1).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [1, -1, 3, -3, 5, -5]

    @pytest.mark.parametrize("parallelism", [2, 4])
    def test_of_which_each_has_its_share_in_turn(self, parallelism: int, seen: list[Any]) -> None:
        env = era_3()
        env.from_batch(range(6)).map(WhoDidIt, parallelism=parallelism).sink(seen.append)
        env.submit(autostop=True)
        assert seen == [(number % parallelism, number) for number in range(6)]

    @pytest.mark.parametrize("before", [1, 2])
    def test_for_the_replicas_of_a_sink(self, before: int, seen: list[Any]) -> None:
        class Keep(SinkFunction):
            def execute(self, data: Any) -> None:
                seen.append((self.ctx.parallel_index, data))

        env = era_3()
        env.from_batch(range(6)).map(Square, parallelism=before).sink(Keep, parallelism=2)
        env.submit(autostop=True)
        assert [data for index, data in seen if index == 0] == [0, 4, 16]
        assert [data for index, data in seen if index == 1] == [1, 9, 25]

    @pytest.mark.parametrize("parallelism", [2, 4])
    def test_after_a_keyby(self, parallelism: int, seen: list[Any]) -> None:
        env = era_3()
        keyed = env.from_batch(range(60)).keyby(lambda x: x % 3, parallelism=2)
        keyed.map(WhoDidIt, parallelism=parallelism).sink(seen.append)
        env.submit(autostop=True)
        assert [number for _, number in seen] == list(range(60))
        assert len({(index, number % 3) for index, number in seen}) == 3, "a key stays with its replica"

    def test_of_a_source_that_streams(self, seen: list[Any], runtime: ThreadEngine) -> None:
        numbers = iter(range(500))
        env = era_3()
        stream = env.from_source(lambda: next(numbers, None)).map(Square, parallelism=3)
        stream.map(lambda x: x, parallelism=2).sink(seen.append)
        env.submit()
        while len(seen) < 500:
            assert not runtime.wait(0.001)
        env.stop()
        assert seen == [number * number for number in range(500)]

    def test_though_one_of_them_is_slow(self, seen: list[Any]) -> None:
        later = {number: threading.Event() for number in range(6)}

        def odd_ones_first(number: int) -> int:
            if number % 2 == 0 and number < 4:
                assert later[number + 1].wait(SOON), "both replicas work at the same time"
            later[number].set()
            return number

        env = era_3()
        env.from_batch(range(6)).map(odd_ones_first, parallelism=2).sink(seen.append)
        env.submit(autostop=True)
        assert seen == list(range(6))


class TestHeadStart:
    @ERAS
    def test_a_few_quick_records_are_there_when_submit_returns(self, make: Make, seen: list[Any]) -> None:
        env = make()
        env.from_batch([1, 2, 3, 4, 5]).map(lambda x: 10 * x).sink(seen.append)
        env.submit()
        assert seen == [10, 20, 30, 40, 50]

    @ERAS
    def test_what_takes_long_is_not_waited_for(self, make: Make, seen: list[Any], runtime: ThreadEngine) -> None:
        returned = threading.Event()

        def only_after(value: int) -> int:
            assert returned.wait(SOON)
            return value

        env = make()
        env.from_batch([1]).map(only_after).sink(seen.append)
        env.submit()
        assert seen == []
        returned.set()
        assert runtime.wait(SOON)
        assert seen == [1]
