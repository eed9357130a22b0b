"""The sources, batches and sinks of SAGE's libraries."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sage_runtime.api.io import datasets, kafka, printing, sinks, sources


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    file = tmp_path / "lines.txt"
    file.write_text("one\ntwo\n", encoding="utf-8")
    return file


class TestFileSources:
    def test_lines_come_one_by_one_and_then_it_waits(self, lines: Path) -> None:
        source = sources.FileSource({"data_path": str(lines)})
        assert [source.execute() for _ in range(3)] == ["one", "two", None]
        with lines.open("a", encoding="utf-8") as file:
            file.write("three\n")
        source._look_again = 0.0
        assert source.execute() == "three"

    def test_it_starts_again_if_asked(self, lines: Path) -> None:
        source = sources.FileSource({"data_path": str(lines), "loop_reading": True})
        assert [source.execute() for _ in range(5)] == ["one", "two", "one", "two", "one"]

    def test_an_empty_file_does_not_spin(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        assert sources.FileSource({"data_path": str(tmp_path / "empty"), "loop_reading": True}).execute() is None

    def test_a_relative_path_is_in_the_current_folder(self, lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(lines.parent)
        assert sources.FileSource({"data_path": "lines.txt"}).execute() == "one"

    def test_whole_files_are_read_as_text_json_and_csv(self, lines: Path, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8")
        (tmp_path / "a.csv").write_text("x;y\n1;2\n", encoding="utf-8")
        csv = {"file_path": tmp_path / "a.csv", "delimiter": ";"}
        assert sources.TextFileSource({"file_path": str(lines)}).execute() == "one\ntwo\n"
        assert sources.TextFileSource({"file_path": str(lines), "read_mode": "lines"}).execute() == ["one\n", "two\n"]
        assert sources.JSONFileSource({"file_path": tmp_path / "a.json"}).execute() == {"a": 1}
        assert sources.CSVFileSource(csv).execute() == [{"x": "1", "y": "2"}]
        assert sources.CSVFileSource({**csv, "has_header": False}).execute() == [["x", "y"], ["1", "2"]]

    def test_a_config_is_needed(self) -> None:
        with pytest.raises(ValueError, match="FileSource needs a config with data_path"):
            sources.FileSource()
        with pytest.raises(ValueError, match="JSONFileSource needs a config with file_path"):
            sources.JSONFileSource({})


class TestSocketSource:
    def test_messages_are_cut_out_of_a_tcp_stream(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"first\n\nsec")
                    connection.sendall("ond ü\npartial".encode())

            thread = threading.Thread(target=serve)
            thread.start()
            source = sources.SocketSource({"port": port, "timeout": 5, "buffer_size": 4})
            assert [source.execute() for _ in range(3)] == ["first", "second ü", None]
            thread.join()
            source.close()

    def test_it_registers_for_load_balancing_and_reads_udp(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            config = {"port": server.getsockname()[1], "protocol": "udp", "load_balancing": True, "client_id": "me"}
            source = sources.SocketSource({**config, "timeout": 5, "delimiter": ";"})
            thread = threading.Thread(target=lambda: seen.append(source.execute()))
            seen: list[Any] = []
            thread.start()
            hello, client = server.recvfrom(1024)
            server.sendto(b"answer;", client)
            thread.join()
            source.close()
        assert (json.loads(hello.rstrip(b";")), seen) == ({"action": "register", "client_id": "me"}, ["answer"])

    def test_it_waits_between_attempts(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        source = sources.SocketSource({"port": port, "reconnect_interval": 1000})
        assert [source.execute(), source.execute(), source.is_connected] == [None, None, False]

    def test_an_unknown_protocol_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not 'sctp'"):
            sources.SocketSource({"protocol": "sctp"})


class TestBatches:
    def test_json_lines_give_queries_or_objects(self, tmp_path: Path) -> None:
        file = tmp_path / "a.jsonl"
        file.write_text('{"query": "q"}\n\n{"x": 1}\nnot json\n[1]\n', encoding="utf-8")
        batch = datasets.JSONLBatch({"data_path": str(file)})
        assert [batch.execute() for _ in range(4)] == ["q", {"x": 1}, [1], None]

    def test_hugging_face_examples_give_query_and_references(self, monkeypatch: pytest.MonkeyPatch) -> None:
        package: Any = ModuleType("datasets")
        asked: list[Any] = []

        def load_dataset(*args: Any, **kwargs: Any) -> Any:
            asked.append((args, kwargs))
            return [{"question": "q", "golden_answers": ["a"]}, {}]

        package.load_dataset = load_dataset
        monkeypatch.setitem(sys.modules, "datasets", package)
        batch = datasets.HFDatasetBatch({"hf_dataset_name": "n", "hf_split": "test"})
        assert [batch.execute() for _ in range(3)] == [
            {"query": "q", "references": ["a"]},
            {"query": "", "references": []},
            None,
        ]
        assert asked == [(("n", None), {"split": "test", "streaming": True})]

    def test_without_the_package_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(ImportError, match="pip install datasets"):
            datasets.HFDatasetBatch({"hf_dataset_name": "n"})


class TestSinks:
    @pytest.mark.parametrize(
        "record", [("q", "a"), ["q", "a", "more"], {"query": "q", "answer": "a"}, {"question": "q", "response": "a"}]
    )
    def test_the_terminal_sink_prints_question_and_answer(
        self, record: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sinks.TerminalSink({}).execute(record)
        assert capsys.readouterr().out == (
            "[TerminalSink]: \033[96m[Q] Question :q\033[0m\n[TerminalSink]: \033[92m[A] Answer :a\033[0m\n"
        )

    def test_the_retrieval_sink_prints_question_and_chunks(self, capsys: pytest.CaptureFixture[str]) -> None:
        sinks.RetriveSink().execute(("q", ["c"]))
        assert capsys.readouterr().out == "\033[96m[Q] Question :q\033[0m\n\033[92m[A] Chunks :['c']\033[0m\n"

    def test_the_file_sink_writes_pairs_below_the_output_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sage_runtime.api.config import get_sage_paths

        get_sage_paths.cache_clear()
        monkeypatch.setenv("SAGE_OUTPUT_DIR", str(tmp_path))
        sink = sinks.FileSink()
        sink.execute(("q", "a"))
        sink.execute("no pair")
        text = (tmp_path / "output" / "qa_output.txt").read_text(encoding="utf-8")
        assert text == f"=== QA Output Log ===\n[Q] Question: q\n[A] Answer  : a\n{'-' * 40}\n"
        get_sage_paths.cache_clear()

    def test_the_memory_sink_numbers_its_texts(self, tmp_path: Path) -> None:
        sink = sinks.MemWriteSink({"file_path": str(tmp_path / "deep" / "mem.txt")})
        for record in ("one", ["two", 3], ("four", 5), 6):
            sink.execute(record)
        lines = (tmp_path / "deep" / "mem.txt").read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line.startswith("[")] == ["[1] one", "[2] two", "[3] 3", "[4] four", "[5] 6"]


class TestPrinting:
    def test_era_1_prints_every_record(self, capsys: pytest.CaptureFixture[str]) -> None:
        sink = printing.PrintSink(prefix="out", colored=False)
        for record in (1, ("q", "a"), ("q", ["c"]), ["x", 1], {"k": "v"}):
            sink.execute(record)
        assert capsys.readouterr().out == (
            "out | 1\nout | [Q] q\n[A] a\nout | [Q] q\n[Chunks]\n  - c\nout |   - x\n  - 1\nout | k: v\n"
        )

    def test_colours_are_the_default(self) -> None:
        assert printing.PrintSink().line({"k": "v"}) == "\033[94mk\033[0m: v"

    def test_later_eras_begin_with_a_banner_and_print_every_record(self, capsys: pytest.CaptureFixture[str]) -> None:
        class Thing:
            def __init__(self) -> None:
                self.a, self.b, self.c, self.d = range(4)

        sink = printing.BannerPrintSink(prefix="p", separator=": ")
        for record in ("first", [1, 2, 3, 4, 5, 6], {"k": "v"}, None, Thing()):
            sink.execute(record)
        assert capsys.readouterr().out.splitlines() == [
            "🔍 Stream output: p: first",
            "   (Further outputs logged. Check logs for details.)",
            "p: [1, 2, 3, 4, 5, ... (+1 more)]",
            "p: k=v",
            "p: None",
            "p: Thing(a=0, b=1, c=2)",
        ]

    def test_quiet_leaves_the_banner_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        printing.BannerPrintSink(quiet=True).execute("x")
        assert capsys.readouterr().out == "x\n"


class FakeConsumer:
    """What kafka-python's consumer does, as far as a source uses it."""

    def __init__(self, topic: str, **options: Any) -> None:
        self.options = {"topic": topic, **options}
        self.closed = False
        self.batches = [
            {
                "partition 0": [
                    SimpleNamespace(value=b'{"n": 1}', key=b"k", timestamp=5, partition=0, offset=0),
                    SimpleNamespace(value=b"not json", key=None, timestamp=6, partition=0, offset=1),
                    SimpleNamespace(value=None, key=None, timestamp=7, partition=0, offset=2),
                ]
            }
        ]

    def poll(self, timeout_ms: int) -> Any:
        return self.batches.pop() if self.batches else {}

    def close(self) -> None:
        self.closed = True


class TestKafka:
    @pytest.fixture(autouse=True)
    def client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client: Any = ModuleType("kafka")
        client.KafkaConsumer = FakeConsumer
        monkeypatch.setitem(sys.modules, "kafka", client)

    def test_messages_come_as_dictionaries_and_unreadable_ones_are_left_out(self) -> None:
        source = kafka.KafkaSourceFunction("h:1", "t", "g", session_timeout_ms=9)
        assert [source.execute() for _ in range(3)] == [
            {"value": {"n": 1}, "key": "k", "timestamp": 5, "partition": 0, "offset": 0},
            {"value": None, "key": None, "timestamp": 7, "partition": 0, "offset": 2},
            None,
        ]
        consumer = source._consumer
        assert consumer.options == {
            "topic": "t",
            "bootstrap_servers": "h:1",
            "group_id": "g",
            "auto_offset_reset": "latest",
            "max_poll_records": 500,
            "session_timeout_ms": 9,
        }
        source.close()
        assert consumer.closed

    def test_a_config_makes_one_too(self) -> None:
        source = kafka.KafkaSource({"topic": "t", "value_deserializer": "string"})
        first = source.execute()
        assert first is not None
        assert (first["value"], source.group_id) == ('{"n": 1}', "sage_consumer")
        with pytest.raises(ValueError, match="needs a config with a topic"):
            kafka.KafkaSource()

    def test_an_unknown_deserializer_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no deserializer 'avro'; there are json, string, bytes"):
            kafka.KafkaSourceFunction("h:1", "t", "g", value_deserializer="avro")

    def test_without_the_client_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "kafka", None)
        with pytest.raises(ImportError, match="pip install kafka-python"):
            kafka.KafkaSourceFunction("h:1", "t", "g").execute()
