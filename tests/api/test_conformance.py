"""What SAGE's own wheels do, measured on them, where ours has to do the same to the letter."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from sage_runtime.api.environment import (
    BaseEnvironment,
    KernelFluttyEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeFluttyEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import SourceFunction
from sage_runtime.api.jobs import JobManager, JobManagerClient
from sage_runtime.api.ready_made import FieldKeyByFunction, UserOrderInnerJoin

from .pipelines import Collect, Counting, Make

EVERY_ERA = pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment, RuntimeLocalEnvironment])


class Quiet(SourceFunction):
    def execute(self) -> Any:
        return None


class TestFlutty:
    @pytest.mark.usefixtures("served")
    @pytest.mark.parametrize(
        ("module", "era"),
        [
            ("sage.kernel", 2),
            ("sage.kernel.api", 2),
            ("sage.kernel.api.flutty_environment", 2),
            ("sage.runtime", 3),
            ("sage.runtime.environments", 3),
        ],
    )
    def test_it_is_at_each_of_its_addresses(self, module: str, era: int) -> None:
        cls = importlib.import_module(module).FluttyEnvironment
        env = cls()
        assert (cls.__name__, cls.era.number, env.name, env.platform) == (
            "FluttyEnvironment", era, "flutty_environment", "flutty",
        )  # fmt: skip

    @pytest.mark.usefixtures("runtime")
    @pytest.mark.parametrize("make", [KernelFluttyEnvironment, RuntimeFluttyEnvironment])
    def test_it_runs_here(self, make: Make, seen: list[Any]) -> None:
        env = make("f", {"a": 1}, None, "spread")
        env.from_batch([1, 2]).sink(Collect, seen)
        assert repr(env) == "FluttyEnvironment(name='f', stages=2, state='idle')"
        env.submit(autostop=True)
        assert (seen, env.config) == ([1, 2], {"a": 1})


class TestJobStatus:
    FIELDS = (
        *("success", "uuid", "status", "env_name", "pipeline_size", "autostop", "created_at", "started_at"),
        *("completed_at", "error", "running", "node_stop_signals"),
    )

    def status(self, env: BaseEnvironment) -> dict[str, Any]:
        found = env.jobmanager.get_job_status(env.env_uuid)
        assert [name for name in self.FIELDS if name not in found] == []
        return {name: found[name] for name in self.FIELDS}

    @pytest.mark.usefixtures("runtime")
    def test_of_a_stream_that_runs_and_is_stopped(self) -> None:
        env = RuntimeLocalEnvironment("live")
        env.from_source(Quiet).map(str).sink(print)
        env.submit()
        status = self.status(env)
        assert (status["status"], status["running"], status["completed_at"]) == ("running", True, None)
        assert (status["pipeline_size"], status["autostop"], status["env_name"]) == (3, False, "live")
        JobManager().receive_node_stop_signal(str(env.env_uuid), "Quiet_0")
        env.stop()
        status = self.status(env)
        assert (status["status"], status["success"], status["running"]) == ("stopped", True, False)
        assert status["completed_at"] >= status["started_at"] >= status["created_at"]
        assert status["node_stop_signals"] == ["Quiet_0"]

    @pytest.mark.usefixtures("runtime")
    def test_of_a_batch_that_failed(self) -> None:
        def fail(data: Any) -> None:
            raise ValueError("bad 1")

        env = RuntimeLocalEnvironment("broken")
        env.from_batch([1]).sink(fail)
        with pytest.raises(ValueError, match="bad 1"):
            env.submit(autostop=True)
        status = self.status(env)
        assert (status["status"], status["success"], status["error"], status["autostop"]) == (
            "failed", False, "bad 1", True,
        )  # fmt: skip

    def test_of_a_job_that_nobody_knows(self) -> None:
        assert JobManager().get_job_status("nope") == {
            "success": False,
            "uuid": "nope",
            "status": "not_found",
            "message": "Job with UUID nope not found",
        }

    @pytest.mark.usefixtures("runtime")
    def test_a_job_tells_its_tasks_and_services(self) -> None:
        env = KernelLocalEnvironment("told")
        env.register_service("cache", dict)
        env.from_source(Quiet).sink(print, name="out", parallelism=2)
        uuid = env.submit()
        job = JobManager().jobs[uuid]
        assert (job.dispatcher.tasks, job.dispatcher.services) == (["Quiet_0", "out_0", "out_1"], ["cache"])
        env.stop()
        assert (job.dispatcher.tasks, job.dispatcher.is_running) == ([], False)


class TestClient:
    def test_its_methods_are_on_the_class(self) -> None:
        names = ("submit_job", "pause_job", "get_job_status", "health_check", "list_jobs", "delete_job")
        assert [name for name in names if not callable(getattr(JobManagerClient, name, None))] == []

    @pytest.mark.usefixtures("runtime")
    def test_it_submits_an_environment_and_no_serialized_job(self, seen: list[Any]) -> None:
        env = LocalEnvironment()
        env.from_batch([1]).sink(Collect, seen)
        client: Any = JobManagerClient()
        assert client.submit_job(env, autostop=True) == env.uuid
        assert seen == [1]
        for data, error in ((None, "cannot be None"), (b"", "cannot be empty")):
            with pytest.raises(ValueError, match=error):
                client.submit_job(data)
        with pytest.raises(RuntimeError, match="no daemon"):
            client.submit_job(b"pickled")

    @pytest.mark.parametrize(("options", "error"), [({"port": 0}, "between 1 and 65535"), ({"timeout": 0}, "positive")])
    def test_its_options_are_checked(self, options: dict[str, Any], error: str) -> None:
        with pytest.raises(ValueError, match=error):
            JobManagerClient(**options)


class ByName(FieldKeyByFunction):
    field_name = "user.name"


class TestReadyMade:
    def test_a_key_is_a_field_by_attribute_or_index(self) -> None:
        assert FieldKeyByFunction("real").execute(3) == 3
        assert ByName().execute({"user": {"name": "a"}}) == "a"
        assert FieldKeyByFunction(field_name="id").execute({"id": 0}) == 0

    def test_a_field_is_needed_and_has_to_be_there(self) -> None:
        with pytest.raises(ValueError, match="field_name must be specified"):
            FieldKeyByFunction()
        with pytest.raises(KeyError, match="Field 'id' not accessible"):
            FieldKeyByFunction("id").execute({})

    @pytest.mark.usefixtures("runtime")
    @EVERY_ERA
    def test_an_order_finds_its_user_whichever_comes_first(self, make: Make, seen: list[Any]) -> None:
        env = make()
        users = env.from_batch([{"id": 1, "name": "a", "email": "a@b"}]).keyby(FieldKeyByFunction, field_name="id")
        orders = env.from_batch([{"id": 7, "user": 1, "amount": 2.5}, {"id": 8, "user": 2}])
        users.connect(orders.keyby(FieldKeyByFunction, field_name="user")).join(UserOrderInnerJoin).sink(Collect, seen)
        env.submit(autostop=True)
        assert seen == [
            {
                "user_id": 1,
                "user_name": "a",
                "user_email": "a@b",
                "order_id": 7,
                "order_amount": 2.5,
                "join_timestamp": None,
            }
        ]

    def test_a_user_stays_and_an_order_is_joined_once(self) -> None:
        join = UserOrderInnerJoin()
        assert join.execute({"id": 7}, 1, 1) == []
        assert [joined["order_id"] for joined in join.execute({"name": "a"}, 1, 0)] == [7]
        assert [joined["order_id"] for joined in join.execute({"id": 8}, 1, 1)] == [8]


class TestStrategies:
    """Replicas that received the records 1 to 4, whose keys are odd or even."""

    @pytest.mark.usefixtures("runtime")
    @pytest.mark.parametrize(
        ("make", "strategy", "received"),
        [
            (LocalEnvironment, "round_robin", [[1, 3], [2, 4]]),
            (KernelLocalEnvironment, "bogus", [[1, 3], [2, 4]]),
            (KernelLocalEnvironment, None, [[1, 3], [2, 4]]),
            (KernelLocalEnvironment, "broadcast", [[1, 2, 3, 4], [1, 2, 3, 4]]),
            (RuntimeLocalEnvironment, "broadcast", None),
            (RuntimeLocalEnvironment, 7, None),
        ],
    )
    def test_keyby(self, make: Make, strategy: Any, received: list[list[int]] | None) -> None:
        taken: dict[int, list[int]] = {0: [], 1: []}

        class Take(Collect):
            def __init__(self) -> None:
                super().__init__([])

            def execute(self, data: Any) -> None:
                taken[self.ctx.parallel_index].append(data)

        env = make()
        env.from_batch(Counting, 4).keyby(lambda x: x % 2, strategy=strategy).sink(Take, parallelism=2)
        env.submit(autostop=True)
        if received is None:  # by the key, each record once
            assert sorted(taken[0] + taken[1]) == [1, 2, 3, 4]
            assert all(len({record % 2 for record in records}) == 1 for records in taken.values() if len(records) < 4)
        else:
            assert sorted(map(sorted, taken.values())) == received
