"""Configuration files, folders, ports, schedulers, the facade and the model registry, as scripts use them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sage_runtime.api import facade, hooks, models, scheduling
from sage_runtime.api.config import load_config
from sage_runtime.api.environments import FlowNetEnvironment, KernelLocalEnvironment, RuntimeLocalEnvironment
from sage_runtime.api.paths import SageUserPaths, get_output_file, get_sage_paths
from sage_runtime.api.pipeline_service import (
    PipelineBridge,
    PipelineService,
    PipelineServiceSink,
    PipelineServiceSource,
)
from sage_runtime.api.ports import SagePorts
from sage_runtime.api.signals import StopSignal


def load_from(script: Path, path: str | None = None) -> Any:
    """`load_config` as a script calls it."""
    return eval("load(path)", {"__file__": str(script), "load": load_config, "path": path})


class TestLoadConfig:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "a.json").write_text('{"from": "config"}', encoding="utf-8")
        (tmp_path / "a.toml").write_text('from = "root"', encoding="utf-8")
        (tmp_path / "deep" / "er").mkdir(parents=True)
        return tmp_path

    def test_a_bare_name_is_in_the_projects_config_folder(self, project: Path) -> None:
        assert load_from(project / "deep" / "er" / "script.py", "a.json") == {"from": "config"}

    def test_other_paths_are_relative_to_the_project(self, project: Path) -> None:
        assert load_from(project / "deep" / "script.py", "./deep/../a.toml") == {"from": "root"}

    def test_an_absolute_path_is_taken_as_it_is(self, project: Path, tmp_path: Path) -> None:
        assert load_from(Path("/nowhere/script.py"), str(project / "a.toml")) == {"from": "root"}

    def test_the_environment_may_name_it(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAGE_CONFIG", "a.toml")
        assert load_from(project / "script.py") == {"from": "root"}

    def test_what_was_looked_for_is_named(self, project: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"No config found\. Checked:") as error:
            load_from(project / "script.py", "missing.json")
        assert str(project / "config" / "missing.json") in str(error.value)

    def test_yaml_needs_the_scripts_own_pyyaml(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (project / "config" / "config.yaml").write_text("a: 1", encoding="utf-8")
        monkeypatch.setitem(sys.modules, "yaml", None)
        with pytest.raises(ImportError, match=r"is YAML, and .* has no PyYAML"):
            load_from(project / "script.py")


class TestFolders:
    def test_output_files_are_below_the_named_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        get_sage_paths.cache_clear()
        monkeypatch.setenv("SAGE_OUTPUT_DIR", str(tmp_path))
        assert get_output_file("a.txt", "sub") == tmp_path / "output" / "sub" / "a.txt"
        assert get_sage_paths().logs_dir.is_dir()
        get_sage_paths.cache_clear()

    def test_user_folders_follow_xdg(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        paths = SageUserPaths()
        assert paths.models_dir == tmp_path / "data" / "sage" / "models"
        assert paths.get_log_file("run") == tmp_path / "state" / "sage" / "logs" / "run.log"


class TestPorts:
    def test_a_port_in_use_is_not_available(self) -> None:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert not SagePorts.is_available(port, "127.0.0.1")
            assert SagePorts.check_port_status(port, "127.0.0.1")["is_listening"]

    def test_the_environment_may_name_a_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT_A", "81")
        monkeypatch.setenv("PORT_B", "many")
        assert (SagePorts.get_from_env("PORT_A", 1), SagePorts.get_from_env("PORT_B", 1)) == (81, 1)


class TestSchedulers:
    def test_they_are_accepted_by_name_and_object(self) -> None:
        own = scheduling.LoadAwareScheduler(max_concurrent=2)
        assert RuntimeLocalEnvironment(scheduler="load_aware").scheduler.get_metrics()["scheduler_type"] == "LoadAware"
        assert KernelLocalEnvironment(scheduler=own).scheduler is own
        assert KernelLocalEnvironment().get_scheduler_metrics()["scheduler_type"] == "FIFO"
        with pytest.raises(ValueError, match="Unknown scheduler type: lifo"):
            KernelLocalEnvironment(scheduler="lifo")
        with pytest.raises(TypeError, match="make_decision"):
            KernelLocalEnvironment(scheduler=3)

    def test_they_count_what_they_are_asked(self) -> None:
        scheduler = scheduling.LoadAwareScheduler(max_concurrent=1)
        first, second = scheduler.make_decision(None), scheduler.make_decision(None)
        assert (first.immediate, second.immediate, second.delay) == (True, False, 0.01)
        scheduler.task_completed("a")
        assert (scheduler.get_metrics()["active_tasks"], scheduler.get_metrics()["total_scheduled"]) == (1, 2)

    def test_decisions_travel_as_dictionaries(self) -> None:
        decision = scheduling.PlacementDecision.with_resources(cpu=2, memory="8GB")
        assert scheduling.PlacementDecision.from_dict(decision.to_dict()) == decision

    def test_the_node_is_this_machine(self) -> None:
        selector = scheduling.NodeSelector()
        node = selector.select_best_node(cpu_required=1)
        assert node is not None
        assert selector.get_node(node) is not None
        assert selector.select_best_node(cpu_required=1e9) is None
        assert len(FlowNetEnvironment().health_check()) == 1


class TestFacade:
    def test_an_actor_is_called_in_every_way(self) -> None:
        class Adder:
            def __init__(self, start: int) -> None:
                self.start = start

            def add(self, n: int) -> int:
                return self.start + n

        adder = facade.create(Adder, 1)
        assert (adder.add.call(2), adder.get_method("add").async_call(3).result(5), adder.add(4)) == (3, 4, 5)
        assert facade.call(adder.get_method("add"), 5) == 6

    def test_a_flow_is_run_at_once_or_later(self) -> None:
        assert (facade.run(len, "abc"), facade.call(facade.submit(len), "ab")) == (3, 2)
        with pytest.raises(TypeError, match="call takes a run handle"):
            facade.call(3)

    def test_hooks_are_kept_in_pairs(self) -> None:
        hooks.register_kernel_exception_handler_hook(len, repr)
        assert hooks.get_registered_exception_handler_hook() == (len, repr)
        with pytest.raises(TypeError, match="pop hook must be callable"):
            hooks.register_kernel_exception_handler_hook(len, None)  # type: ignore[arg-type]


class TestModels:
    def test_the_registry_knows_what_is_on_disk(self, tmp_path: Path) -> None:
        (tmp_path / "m").mkdir()
        entry = {"model_id": "org/m", "path": str(tmp_path / "m"), "size_bytes": 2**20}
        (tmp_path / "models.json").write_text(json.dumps([entry]), encoding="utf-8")
        assert [(info.model_id, info.size_mb) for info in models.list_models(tmp_path)] == [("org/m", 1.0)]
        models.touch_model("org/m", tmp_path)
        assert models.list_models(tmp_path)[0].last_used_iso is not None
        assert models.delete_model("org/m", tmp_path)
        with pytest.raises(models.ModelNotFoundError, match="org/m"):
            models.ensure_model_available("org/m", tmp_path, auto_download=False)


class TestPipelineServices:
    def test_a_request_travels_to_the_sink_and_back(self) -> None:
        bridge = PipelineBridge()
        source, sink = PipelineServiceSource(bridge, poll_interval=0), PipelineServiceSink()
        assert source.execute() is None
        answer = bridge.submit({"q": 1})
        record = source.execute()
        sink.execute({**record, "a": 2})
        assert answer.get_nowait() == {"q": 1, "a": 2}

    def test_a_record_can_be_asked_as_the_request_itself_and_answered_with_its_queue(self) -> None:
        bridge = PipelineBridge()
        answer = bridge.submit({"q": 1})
        record = PipelineServiceSource(bridge).execute()
        assert record.payload == record["payload"] == {"q": 1}
        assert "payload" not in record
        PipelineServiceSink().execute({"payload": 2, "response_queue": record["response_queue"]})
        assert answer.get_nowait() == 2
        with pytest.raises(KeyError):
            record["answer"]

    def test_a_record_that_arrives_as_it_was_is_an_ordinary_dictionary_as_an_answer(self) -> None:
        bridge = PipelineBridge()
        answer = bridge.submit({"q": 1})
        PipelineServiceSink().execute(PipelineServiceSource(bridge).execute())
        echoed = answer.get_nowait()
        assert (echoed, type(echoed)) == ({"q": 1}, dict)

    def test_other_payloads_are_wrapped(self) -> None:
        bridge = PipelineBridge()
        bridge.submit("text")
        record = PipelineServiceSource(bridge).execute()
        assert record["data"] == record.payload == "text"

    def test_shutdown_ends_the_stream_after_what_is_waiting(self) -> None:
        bridge = PipelineBridge()
        bridge.submit({"q": 1})
        service, source = PipelineService(bridge), PipelineServiceSource(bridge)
        assert service.process({"command": "shutdown"}) == {"status": "shutdown_ack"}
        assert (source.execute()["q"], isinstance(source.execute(), StopSignal), bridge.is_closed) == (1, True, True)
        with pytest.raises(RuntimeError, match="shutting down"):
            service.process({"q": 2})

    def test_an_answer_that_does_not_come_times_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(TimeoutError, match="timed out after 0s"):
            PipelineService(PipelineBridge(), request_timeout=0).process({"q": 1})
        with pytest.raises(ValueError, match="Empty message"):
            PipelineService(PipelineBridge()).process(None)
        assert PipelineService(PipelineBridge())._request_timeout == 30
        monkeypatch.setenv("SAGE_TEST_MODE", "true")
        assert PipelineService(PipelineBridge())._request_timeout == 5
