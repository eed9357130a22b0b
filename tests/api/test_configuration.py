"""Configuration files, folders, ports, the facade and pipelines as services, as scripts use them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sage_runtime.api import flows
from sage_runtime.api.communication import StopSignal
from sage_runtime.api.config import SagePorts, SageUserPaths, get_output_file, get_sage_paths, load_config
from sage_runtime.api.services import (
    PipelineBridge,
    PipelineService,
    PipelineServiceSink,
    PipelineServiceSource,
)


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

    def test_language_models_are_looked_for_where_they_are_started(self) -> None:
        assert SagePorts.get_recommended_llm_port() in SagePorts.get_llm_ports()


class TestFacade:
    def test_without_a_backend_it_says_what_is_missing(self) -> None:
        asking: list[Callable[[Any], Any]] = [flows.create, flows.submit, flows.run, flows.call]
        for ask in asking:
            with pytest.raises(ImportError, match="distributed runtime"):
                ask(len)

    def test_a_flow_can_be_declared_and_looked_at_but_not_run(self) -> None:
        @flows.flow
        def double(stream: int) -> int:
            return 2 * stream

        assert (double.func(2), flows.flow()(len).name) == (4, "len")
        with pytest.raises(ImportError, match="distributed runtime"):
            double.call(1)


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
