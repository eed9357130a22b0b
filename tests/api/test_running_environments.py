"""Submits, stops, failures and what the engine prints, in the environment of each era."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from support.waiting import SOON

from sage_runtime.api.communication import create_metronome
from sage_runtime.api.environment import (
    FlowNetEnvironment,
    FlownetEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RemoteEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import (
    MapFunction,
    SinkFunction,
    SourceFunction,
)
from sage_runtime.api.jobs import JobManager, JobManagerClient, PipelineCompiler
from sage_runtime.api.services import BaseService
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Failure, PipelineSubmitted
from sage_runtime.graph import GraphError

from .conftest import Published
from .pipelines import ERAS, Collect, Counting, Make

pytestmark = pytest.mark.usefixtures("runtime")


class TestFailures:
    class Odd(MapFunction):
        def execute(self, data: Any) -> Any:
            if data % 2 == 0:
                raise ValueError(f"even {data}")
            return data

    @pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment])
    def test_eras_1_and_2_record_it_and_go_on(self, make: Make, seen: list[Any], published: Published) -> None:
        env = make()
        env.from_batch([1, 2, 3, 4, 5]).map(self.Odd).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [1, 3, 5]
        assert [(f.source, f.message) for f in published.of(Failure)] == [("Odd", "even 2"), ("Odd", "even 4")]

    def test_era_3_fails_and_raises_the_original(self, seen: list[Any], published: Published) -> None:
        env = RuntimeLocalEnvironment()
        env.from_batch([1, 2, 3]).map(self.Odd).sink(Collect, seen)
        with pytest.raises(ValueError, match=r"^even 2$"):
            env.submit(autostop=True)
        assert env.jobmanager.list_jobs()[0]["status"] == "failed"
        assert len(published.of(Failure)) == 1

    @ERAS
    def test_a_constructor_that_raises_raises_out_of_submit(self, make: Make) -> None:
        class Broken(MapFunction):
            def __init__(self) -> None:
                raise LookupError("no model")

            def execute(self, data: Any) -> Any: ...

        env = make()
        env.from_batch([1]).map(Broken).sink(lambda x: None)
        with pytest.raises(LookupError, match="no model"):
            env.submit()

    def test_a_pipeline_that_does_not_hold_together_is_refused(self) -> None:
        env = LocalEnvironment()
        env.from_future("f").map(lambda x: x)
        with pytest.raises(GraphError, match="never filled"):
            env.submit()


class Endless(SourceFunction):
    started = threading.Event()

    def __init__(self) -> None:
        type(self).started = threading.Event()

    def execute(self) -> Any:
        self.started.set()
        return 1


class TestLifecycle:
    @ERAS
    def test_submit_returns_an_id_and_stop_ends_a_stream(self, make: Make, seen: list[Any]) -> None:
        env = make("endless")
        env.from_source(Endless).sink(Collect, seen)
        uuid = env.submit()
        assert (uuid, env.is_running) == (env.env_uuid, True)
        assert Endless.started.wait(SOON)
        env.stop()
        assert (env.is_running, len(uuid), env.env_uuid) == (False, 36, uuid)
        assert seen

    def test_close_forgets_the_pipeline(self) -> None:
        env = LocalEnvironment()
        env.from_source(Endless).sink(lambda x: None)
        env.submit()
        env.close()
        assert (env.pipeline, env.env_uuid, env.is_running) == ([], None, False)

    @ERAS
    def test_stop_and_close_before_submit_do_nothing(self, make: Make) -> None:
        env = make()
        env.from_batch([1]).sink(print)
        env.stop()
        env.close()

    @ERAS
    def test_an_environment_may_be_submitted_again_and_grow_in_between(self, make: Make, seen: list[Any]) -> None:
        env = make()
        stream = env.from_batch([1])
        stream.sink(Collect, seen)
        first = env.submit(autostop=True)
        stream.map(lambda x: -x).sink(Collect, seen)
        assert env.submit(autostop=True) != first
        assert Counter(seen) == Counter([1, 1, -1])

    def test_environments_of_one_name_are_told_apart(self, published: Published) -> None:
        for _ in range(2):
            env = LocalEnvironment()
            env.from_batch([1]).sink(lambda x: None)
            env.submit(autostop=True)
        submitted: list[Any] = published.of(PipelineSubmitted)
        assert [(event.pipeline, event.name, event.era) for event in submitted] == [
            ("localenvironment", "localenvironment", 1),
            ("localenvironment_1", "localenvironment", 1),
        ]

    def test_a_pipeline_without_operators_ends_at_once(self) -> None:
        LocalEnvironment().submit(autostop=True)

    def test_a_pipeline_without_sinks_ends(self) -> None:
        env = LocalEnvironment()
        env.from_batch([1, 2]).map(lambda x: x)
        env.submit(autostop=True)

    def test_waiting_by_the_private_method_works(self, seen: list[Any]) -> None:
        env = KernelLocalEnvironment()
        env._wait_for_completion()
        env.from_batch([1]).sink(Collect, seen)
        env.submit()
        env._wait_for_completion()
        assert seen == [1]

    @pytest.mark.parametrize("make", [RemoteEnvironment, FlownetEnvironment, FlowNetEnvironment])
    def test_remote_environments_run_here_and_say_so(
        self, make: Make, seen: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        monkeypatch.setattr("sage_runtime.api.environment._log.warning", lambda text, *args: said.append(text % args))
        env = make("far")
        env.from_batch([1]).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [1]
        assert "runs here, in this process" in said[0]

    def test_a_flownet_environment_is_a_context_manager(self) -> None:
        with FlowNetEnvironment("f") as env:
            assert repr(env) == "FlowNetEnvironment(name='f', stages=0, state='idle')"

    def test_the_job_manager_knows_every_submit(self) -> None:
        env = LocalEnvironment("known")
        env.from_source(Endless).sink(lambda x: None)
        uuid = env.submit()
        manager = env.jobmanager
        assert manager is JobManager() is JobManager.get_instance()
        client: Any = JobManagerClient(port=1)  # its methods are those of the manager
        assert client.get_job_status(uuid)["status"] == "running"
        assert manager.delete_job(uuid)["status"] == "running"
        assert manager.pause_job(uuid)["status"] == "stopped"
        assert manager.jobs[uuid].status == "stopped"
        assert manager.delete_job(uuid)["status"] == "deleted"
        assert manager.get_job_status(uuid)["status"] == "not_found"
        assert manager.health_check()["jobs_count"] == 0

    def test_the_compiler_submits_a_pipeline(self, seen: list[Any]) -> None:
        env = RuntimeLocalEnvironment()
        env.from_batch([1]).sink(Collect, seen)
        PipelineCompiler().compile(env.pipeline).submit(autostop=True)
        assert seen == [1]

    def test_a_metronome_lets_one_record_through_at_a_time(self) -> None:
        metronome = create_metronome("one by one")
        happened: list[Any] = []

        class Makes(Counting):
            use_metronome = True
            metronome: Any = None

            def __init__(self) -> None:
                super().__init__(count=3)
                self.metronome = metronome

            def execute(self) -> Any:
                value = super().execute()
                happened.append(("made", value))
                return value

        class Takes(SinkFunction):
            use_metronome = True

            def __init__(self) -> None:
                super().__init__()
                self.metronome = metronome

            def execute(self, data: Any) -> None:
                happened.append(("taken", data))

        env = LocalEnvironment()
        env.from_batch(Makes).sink(Takes)
        metronome.release_once()
        env.submit(autostop=True)
        expected = [(what, n) for n in (1, 2, 3) for what in ("made", "taken")]
        assert happened == [*expected, ("made", None)]

    def test_console_levels_are_checked(self) -> None:
        env = LocalEnvironment()
        env.set_console_log_level("warning")
        assert env.console_log_level == "WARNING"
        with pytest.raises(ValueError, match="no console log level 'LOUD'"):
            env.set_console_log_level("LOUD")


class Echo(BaseService):
    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def process(self, word: str) -> str:
        return f"{self.prefix}{word}"

    def shout(self, word: str, mark: str = "!") -> str:
        return word.upper() + mark

    def fail(self) -> None:
        raise KeyError("boom")


class TestWhatTheEnginePrints:
    def run(self, make: Make) -> None:
        for _ in range(2):
            env = make()
            env.register_service("echo", Echo)
            env.from_batch([1]).sink(lambda x: None)
            env.submit(autostop=True)

    @pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment])
    def test_eras_1_and_2_announce_services_and_once_the_logs(
        self, make: Make, runtime: ThreadEngine, capsys: pytest.CaptureFixture[str]
    ) -> None:
        runtime.logs = "/the/session"
        self.run(make)
        registered = f"ServiceFactory initialized for echo with class {Echo}"
        assert capsys.readouterr() == (f"{registered}\nJobManager logs: /the/session\n{registered}\n", "")

    def test_without_a_session_there_are_no_logs_to_announce(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.run(LocalEnvironment)
        assert "JobManager logs" not in capsys.readouterr().out

    def test_era_3_prints_nothing(self, runtime: ThreadEngine, capsys: pytest.CaptureFixture[str]) -> None:
        runtime.logs = "/the/session"
        self.run(RuntimeLocalEnvironment)
        assert capsys.readouterr() == ("", "")
