"""How functions and services come to life, and what they find in themselves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from sage_runtime.api.communication import (
    EarlyStopSignal,
    Packet,
    RuntimeStopSignal,
    StopSignal,
    create_metronome,
    keep_time,
)
from sage_runtime.api.functions import (
    BaseFunction,
    Collector,
    FlatMapFunction,
    MapFunction,
    create_function,
    create_service,
    wrap_lambda,
)
from sage_runtime.api.ready_made import (
    FileBatchIteratorFunction,
    GeneratorBatchIteratorFunction,
    RangeBatchIteratorFunction,
)
from sage_runtime.api.services import BaseService
from sage_runtime.graph import EndOfStream


@pytest.fixture
def context() -> SimpleNamespace:
    return SimpleNamespace(
        pipeline="p",
        operator="Echo",
        name="Echo_0",
        logger="the operator's logger",
        call_service="calls",
        call_service_async="calls later",
    )


class Echo(MapFunction):
    def execute(self, data: Any) -> Any:
        return data


class TestFunctions:
    def test_what_the_context_has_is_there_from_the_first_record(self, context: Any) -> None:
        echo = create_function(Echo, (), {}, context)
        assert (echo.ctx, echo.name, echo.logger) == (context, "Echo_0", "the operator's logger")
        assert (echo.call_service, echo.call_service_async) == ("calls", "calls later")

    def test_the_constructor_has_a_logger_and_no_context_yet(self, context: Any) -> None:
        class Early(Echo):
            def __init__(self) -> None:
                self.seen = (self.logger, self.ctx, self.name)

        assert create_function(Early, (), {}, context).seen == ("the operator's logger", None, "Early")
        with pytest.raises(RuntimeError, match="Echo has no runtime context yet"):
            Echo().call_service("x")

    def test_super_init_may_be_skipped_or_given_anything(self, context: Any) -> None:
        class Skips(Echo):
            def __init__(self, a: int, b: int = 0) -> None:
                self.sum = a + b

        class Passes(Echo):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.kwargs = kwargs

        assert create_function(Skips, (1,), {"b": 2}, context).name == "Echo_0"
        assert create_function(Passes, (), {"c": 3}, context).kwargs == {"c": 3}

    def test_own_attributes_win_over_ours(self, context: Any) -> None:
        class Own(Echo):
            def __init__(self) -> None:
                super().__init__()
                self.name = "mine"
                self.logger = "my logger"
                self.call_service = "my calls"

        own = create_function(Own, (), {}, context)
        assert (own.name, own.logger, own.call_service) == ("mine", "my logger", "my calls")

    def test_a_class_without_execute_cannot_be_made(self) -> None:
        with pytest.raises(TypeError, match="abstract"):
            BaseFunction()  # type: ignore[abstract]

    def test_a_plain_class_and_one_with_slots_are_functions_too(self, context: Any) -> None:
        class Plain:
            def execute(self, data: Any) -> Any:
                return data

        class Slotted:
            __slots__ = ("seen",)

            def execute(self, data: Any) -> Any:
                return data

        assert create_function(Plain, (), {}, context).ctx is context
        assert create_function(Slotted, (), {}, context).execute(1) == 1

    def test_a_flatmap_collects_in_either_spelling_without_super_init(self) -> None:
        class Words(FlatMapFunction):
            def __init__(self) -> None:
                pass

            def execute(self, data: str) -> None:
                self.collect(data)
                self.out.collect(data.upper())

        words = Words()
        words.execute("a")
        assert words._collected == ["a", "A"]

    def test_a_collector_stands_on_its_own(self) -> None:
        collector = Collector()
        collector.collect(1)
        assert collector.items == [1]
        collector.clear()
        assert collector.items == []

    def test_state_is_taken_and_restored(self) -> None:
        class Counts(Echo):
            def __init__(self) -> None:
                super().__init__()
                self.count = 0
                self.logger = "not state"

        counts = Counts()
        counts.count = 7
        fresh = Counts()
        fresh.restore_state(counts.get_state())
        assert (counts.get_state(), fresh.count) == ({"count": 7}, 7)


class TestLambdas:
    def test_nothing_stands_between_a_callable_and_the_engine(self) -> None:
        def add(x: int) -> int:
            return x + 1

        assert wrap_lambda(add, "map")().execute is add
        assert wrap_lambda(str.upper, "map")(ignored=1).execute("a") == "A"

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="unknown kind of function 'window'"):
            wrap_lambda(len, "window")


class TestServices:
    def test_the_context_is_there_before_init(self, context: Any) -> None:
        class Early(BaseService):
            def __init__(self, word: str) -> None:
                self.seen = (word, self.ctx, self.name, self.logger)

        assert create_service(Early, ("hi",), {}, context).seen == ("hi", context, "Echo_0", "the operator's logger")

    def test_a_plain_class_gets_it_too(self, context: Any) -> None:
        class Plain:
            def __init__(self) -> None:
                self.seen = getattr(self, "ctx", None)

        assert create_service(Plain, (), {}, context).seen is context

    @pytest.mark.parametrize("with_arguments", [False, True])
    def test_a_new_of_its_own_is_called_as_it_wants(self, context: Any, with_arguments: bool) -> None:
        class Bare:
            def __new__(cls) -> Any:
                return super().__new__(cls)

            def __init__(self, word: str = "") -> None:
                self.word = word

        class Taking:
            def __new__(cls, word: str) -> Any:
                made = super().__new__(cls)
                made.early = word  # type: ignore[attr-defined]
                return made

            def __init__(self, word: str) -> None:
                self.word = word

        cls: Any = Taking if with_arguments else Bare
        assert create_service(cls, ("hi",), {}, context).word == "hi"

    def test_what_cannot_hold_a_context_goes_without(self, context: Any) -> None:
        class Slotted:
            __slots__ = ("word",)

            def __init__(self, word: str) -> None:
                self.word = word

        @dataclass(frozen=True)
        class Frozen:
            word: str

        assert [create_service(cls, ("hi",), {}, context).word for cls in (Slotted, Frozen)] == ["hi", "hi"]

    def test_a_function_may_make_the_service(self, context: Any) -> None:
        made = create_service(lambda word: SimpleNamespace(word=word), ("hi",), {}, context)
        assert (made.word, made.ctx) == ("hi", context)


class TestSignals:
    def test_stop_signals_have_the_arguments_of_their_era(self) -> None:
        early, middle, late = EarlyStopSignal("end", 3), StopSignal(), RuntimeStopSignal("end", source="s")
        assert all(isinstance(signal, EndOfStream) for signal in (early, middle, late))
        assert {type(signal).__name__ for signal in (early, middle, late)} == {"StopSignal"}
        assert (early.name, early.payload) == ("end", 3)
        assert (middle.name, middle.message, middle.source) == ("Stop", "Stop", "Stop")
        assert (late.name, late.source) == ("end", "s")
        with pytest.raises(TypeError):
            RuntimeStopSignal()  # type: ignore[call-arg]

    def test_signals_of_era_3_are_equal_by_their_fields(self) -> None:
        assert RuntimeStopSignal("a", timestamp=1) == RuntimeStopSignal("a", timestamp=1)
        assert RuntimeStopSignal("a", timestamp=1) != RuntimeStopSignal("a", timestamp=2)

    def test_packets_carry_and_pass_on_their_routing(self) -> None:
        packet = Packet("x", 1, "key", "hash")
        assert packet.is_keyed()
        assert packet.inherit_partition_info("y") == Packet("y", 1, "key", "hash")
        assert packet.update_key("other") == Packet("x", 1, "other", "hash")
        assert packet.copy().timestamp == packet.timestamp


class TestReadyMadeBatches:
    def test_they_emit_their_values_and_then_none(self, tmp_path: Any) -> None:
        file = tmp_path / "lines.txt"
        file.write_text("a\nb\n", encoding="utf-8")
        batches = [
            RangeBatchIteratorFunction(0, 4, 2),
            GeneratorBatchIteratorFunction(lambda: iter([0, 2])),
            FileBatchIteratorFunction(str(file)),
        ]
        assert [[batch.execute() for _ in range(3)] for batch in batches] == [
            [0, 2, None],
            [0, 2, None],
            ["a", "b", None],
        ]
        assert (len(batches[0]), batches[2].get_total_count()) == (2, 2)  # type: ignore[arg-type, attr-defined]


class TestMetronome:
    def test_a_sink_lets_the_source_go_on(self) -> None:
        metronome = create_metronome("m")
        numbers = itertools.count(1)
        source = SimpleNamespace(metronome=metronome, use_metronome=True, execute=lambda: next(numbers))
        sink = SimpleNamespace(metronome=metronome, use_metronome=True, execute=lambda record: None)
        keep_time(source, "batch")
        keep_time(sink, "sink")
        metronome.release_once()
        assert (source.execute(), metronome.wait_for_release(0)) == (1, False)
        sink.execute(1)
        assert (source.execute(), metronome.wait_for_release(0)) == (2, False)

    def test_waiting_has_an_end(self) -> None:
        assert not create_metronome("m").wait_for_release(timeout=0)
