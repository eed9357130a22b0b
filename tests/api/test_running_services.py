"""Services as operators call them, in the environment of each era."""

from __future__ import annotations

from typing import Any

import pytest

from sage_runtime.api.environment import (
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import (
    MapFunction,
)
from sage_runtime.api.services import (
    BaseService,
    PipelineBridge,
    PipelineService,
    PipelineServiceSink,
    PipelineServiceSource,
)

from .pipelines import ERAS, Collect, Make

pytestmark = pytest.mark.usefixtures("runtime")


class Echo(BaseService):
    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def process(self, word: str) -> str:
        return f"{self.prefix}{word}"

    def shout(self, word: str, mark: str = "!") -> str:
        return word.upper() + mark

    def fail(self) -> None:
        raise KeyError("boom")


class TestServices:
    @ERAS
    def test_both_call_styles_work(self, make: Make, seen: list[Any]) -> None:
        class Calls(MapFunction):
            def execute(self, data: Any) -> Any:
                return [
                    self.call_service["echo"].shout(data, mark="?"),
                    self.call_service("echo", data),
                    self.call_service("echo", data, method="shout", timeout=5),
                    self.call_service_async["echo"].process(data).result(5),
                    self.call_service_async("echo", data, method="shout").result(timeout=5),
                ]

        env = make()
        env.register_service("echo", Echo, prefix=">")
        env.from_batch(["a"]).map(Calls).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [["A?", ">a", "A!", ">a", "A!"]]

    @ERAS
    def test_a_failing_call_is_raised_as_its_era_has_it(self, make: Make, seen: list[Any]) -> None:
        class Calls(MapFunction):
            def execute(self, data: Any) -> Any:
                try:
                    self.call_service["echo"].fail()
                except Exception as error:  # noqa: BLE001 - whatever it is, is looked at
                    return error

        env = make()
        env.register_service("echo", Echo)
        env.from_batch([1]).map(Calls).sink(Collect, seen)
        env.submit(autostop=True)
        (error,) = seen
        if make is RuntimeLocalEnvironment:
            assert (type(error), error.args) == (KeyError, ("boom",))
        else:
            assert (type(error), str(error)) == (RuntimeError, "Service call failed: 'boom'")
            assert isinstance(error.__cause__, KeyError)

    @ERAS
    def test_the_lifecycle_is_construct_setup_start_stop_cleanup(self, make: Make) -> None:
        happened: list[str] = []

        class Steps(BaseService):
            def __init__(self) -> None:
                happened.append(f"init {self.name}")

            def setup(self) -> None:
                happened.append("setup")

            def start(self) -> None:
                happened.append("start")

            def stop(self) -> None:
                happened.append("stop")

            def cleanup(self) -> None:
                happened.append("cleanup")

        env = make()
        env.register_service("steps", Steps)
        env.from_batch([1]).sink(lambda x: happened.append("record"))
        env.submit(autostop=True)
        name = "steps" if make is RuntimeLocalEnvironment else "service_steps"
        assert happened == [f"init {name}", "setup", "start", "record", "stop", "cleanup"]

    def test_a_service_may_call_another_and_be_a_plain_class(self, seen: list[Any]) -> None:
        class Polite:
            ctx: Any

            def greet(self, name: str) -> str:
                return f"dear {self.ctx.call_service['echo'].shout(name)}"

        class Calls(MapFunction):
            def execute(self, data: Any) -> Any:
                return self.call_service["polite"].greet(data)

        env = LocalEnvironment()
        env.register_service("echo", Echo)
        env.register_service("polite", Polite)
        env.from_batch(["you"]).map(Calls).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == ["dear YOU!"]

    def test_a_factory_may_be_registered(self, seen: list[Any]) -> None:
        class Factory:
            def create_service(self, ctx: Any) -> Any:
                return Echo("made ")

        class Calls(MapFunction):
            def execute(self, data: Any) -> Any:
                return self.call_service("echo", data)

        env = KernelLocalEnvironment()
        env.register_service_factory("echo", Factory())
        env.from_batch(["a"]).map(Calls).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == ["made a"]

    def test_each_environment_has_its_own_instance(self, seen: list[Any]) -> None:
        class Count(BaseService):
            total = 0

            def process(self) -> int:
                self.total += 1
                return self.total

        class Calls(MapFunction):
            def execute(self, data: Any) -> Any:
                return self.call_service("count")

        for _ in range(2):
            env = LocalEnvironment()
            env.register_service("count", Count)
            env.from_batch([1, 2]).map(Calls).sink(Collect, seen)
            env.submit(autostop=True)
        assert seen == [1, 2, 1, 2]

    def test_a_pipeline_may_be_the_service_of_another(self, seen: list[Any]) -> None:
        class Ask(MapFunction):
            def execute(self, data: Any) -> Any:
                return self.call_service("doubler", {"n": data})["n"]

        bridge = PipelineBridge()
        answering = KernelLocalEnvironment("answering")
        answering.from_source(PipelineServiceSource, bridge).map(lambda r: {**r, "n": r["n"] * 2}).sink(
            PipelineServiceSink
        )
        asking = KernelLocalEnvironment("asking")
        asking.register_service("doubler", PipelineService, bridge)
        asking.from_batch([1, 2, 3]).map(Ask).sink(Collect, seen)
        answering.submit()
        asking.submit(autostop=True)
        answering._wait_for_completion()
        assert seen == [2, 4, 6]
