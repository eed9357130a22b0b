"""Random bytes: the codec raises only `EventError`, a recording only `RecordingError`.

A damaged recording is read as far as possible, and nothing in it makes us exceed the memory limits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.recordings import archive, read_all, small_session
from support.waiting import SOON

from sage_runtime.events import (
    COMMANDS,
    EVENT_TYPES,
    MAX_LINE_BYTES,
    MESSAGES,
    EdgeInfo,
    Event,
    EventError,
    Failure,
    Latency,
    LeftOut,
    Notice,
    OperatorInfo,
    OperatorStats,
    PipelineSubmitted,
    RunFinished,
    RunStarted,
    ServiceInfo,
    ServiceStats,
    decode,
    decode_command,
    encode,
    encode_command,
    stamped,
)
from sage_tui.journal import JournalError, open_recording, pack
from sage_tui.journal.segments import encode_snapshot
from sage_tui.session import ReplaySession
from sage_tui.state.run_state import RunState, StateError

QUICK = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
names = sorted({name for cls in (*EVENT_TYPES.values(), *MESSAGES.values()) for name, _ in cls.frozen_fields})
lines = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}).encode(),
    st.sampled_from([*EVENT_TYPES, *MESSAGES, "of another time"]),
    st.dictionaries(st.sampled_from(names), values, max_size=8),
)


@given(st.binary(max_size=200) | st.text(max_size=200) | lines)
@QUICK
def test_a_line_is_an_event_or_an_event_error(line: bytes | str) -> None:
    try:
        message = decode(line)
    except EventError:
        return
    assert decode(encode(message)) == message


commands = st.builds(
    lambda name, fields: json.dumps({"command": name, **fields}).encode(),
    st.sampled_from(list(COMMANDS)),
    st.dictionaries(st.sampled_from(["operator", "operators", "count", "line", "id"]), values),
)


@given(st.binary(max_size=200) | commands)
@QUICK
def test_a_command_is_a_command_or_an_event_error(line: bytes) -> None:
    try:
        command = decode_command(line)
    except EventError:
        return
    assert decode_command(encode_command(command)) == command


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"type":"output","text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"type":"output","seq":' + b"9" * 5_000 + b"}",
        b'{"type":"run_finished","t":1e400}',
        b'{"type":"run_finished","t":' + b"9" * 400 + b"}",
        b'{"type":"' + b"x" * MAX_LINE_BYTES + b'"}',
        b"\xff\xfe{}",
        b"",
    ],
    ids=[
        "lists",
        "a field",
        "objects",
        "a number",
        "an infinity",
        "a number for no float",
        "a long line",
        "no text",
        "nothing",
    ],
)
def test_nesting_and_lengths_are_bounded(line: bytes) -> None:
    try:
        decode(line)
    except EventError:
        pass


def test_nesting_that_can_be_read_can_be_written() -> None:
    for depth in (10, 100, 500, 900, 990, 2_000):
        line = b'{"type":"another","x":' + b"[" * depth + b"]" * depth + b"}"
        try:
            message = decode(line)
        except EventError:
            continue
        encode(message)


@given(values)
@QUICK
def test_a_state_from_anywhere_is_a_state_or_a_state_error(value: Any) -> None:
    try:
        RunState.from_json(value)
    except StateError:
        pass


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*way, key)
        yield from places(item, (*way, key))


def a_busy_state() -> RunState:
    """A state with something of everything in it."""
    latency = Latency(p50=0.1, p95=0.1, p99=0.1, max=0.2, buckets=((3, 4), (5, 6)))
    operators = (OperatorInfo(id="A", name="A", kind="source"), OperatorInfo(id="B", name="B", kind="sink"))
    edges = (EdgeInfo(id="e", source="A", target="B"),)
    state = RunState(1)
    events: list[Event] = [
        RunStarted(script="a.py"),
        PipelineSubmitted(pipeline="p", operators=operators, edges=edges, services=(ServiceInfo(name="s"),)),
    ]
    for count in (10, 20, 30):
        events += [
            OperatorStats(pipeline="p", operator="A", records_out=count, busy=0.5, idle=0.5, latency=latency),
            ServiceStats(pipeline="p", service="s", method="m", calls=count, latency=latency, callers={"A": count}),
            Failure(pipeline="p", source="A", kind="operator", group="g", exception="E", message="m", line=1),
            Notice(level="warning", message="n"),
            LeftOut(what="failure", pipeline="p", source="A", group="g", count=3),
        ]
    for seq, event in enumerate(events):
        state.apply(stamped(event, run=1, t=1000.0 + seq, worker=0, seq=seq))
    return state


BUSY = json.dumps(a_busy_state().to_json())
PLACES = list(places(json.loads(BUSY)))


@given(st.sampled_from(PLACES), values | st.sampled_from([-1, 10**400, math.nan, math.inf, 1e308]), st.booleans())
@settings(QUICK, max_examples=60)
def test_a_snapshot_with_one_thing_changed_is_refused_or_can_be_gone_on_from(
    way: tuple[Any, ...], value: Any, gone: bool
) -> None:
    data = json.loads(BUSY)
    inner = data
    for key in way[:-1]:
        inner = inner[key]
    if gone:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    try:
        state = RunState.from_json(data)
    except StateError:
        return
    state.apply(stamped(OperatorStats(pipeline="p", operator="A", records_out=99), run=1, t=1100.0, worker=0, seq=99))
    state.apply(stamped(RunFinished(status="finished"), run=1, t=1101.0, worker=0, seq=100))
    state.view(2000.0)
    state.charts("p/A", "whole", 2000.0)
    json.dumps(state.to_json())


@given(st.lists(lines, max_size=30))
@QUICK
def test_events_in_any_order_can_be_folded(many: list[bytes]) -> None:
    state = RunState(1)
    for line in many:
        try:
            message = decode(line)
        except EventError:
            continue
        if isinstance(message, Event):
            state.apply(message)
    state.view(0.0)
    json.dumps(state.to_json())


# --- recordings ---


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good recording."""
    folder = tmp_path_factory.mktemp("session")
    file = folder / "good.sagerun"
    pack(small_session(folder), file)
    return file.read_bytes()


@given(st.data())
@QUICK
def test_a_recording_that_was_changed_anywhere_never_surprises(
    packed: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    changed = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "zero"])):
            case "flip":
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[at + 1 :]
            case "insert":
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case _:
                changed[at : at + 16] = bytes(len(changed[at : at + 16]))
    path = tmp_path / "changed.sagerun"
    path.write_bytes(bytes(changed))
    read_all(path)


@given(st.lists(st.binary(max_size=60) | lines, min_size=1, max_size=12), st.booleans())
@QUICK
def test_a_segment_of_anything_never_surprises(tmp_path: Path, content: list[bytes], headed: bool) -> None:
    run = tmp_path / "run-1.sagerun"
    run.mkdir(exist_ok=True)
    head = b'{"type":"snapshot","version":1,"seq":-1,"t":0,"lines":{},"state":{}}\n' if headed else b""
    (run / "000001.jsonl").write_bytes(head + b"\n".join(content))
    read_all(tmp_path)


def test_a_good_recording_is_read_whole(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "good.sagerun"
    path.write_bytes(packed)
    assert read_all(path) == 60


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sage_tui.journal.recording.MAX_SEGMENT_BYTES", 2**20)
    path = archive(tmp_path, {"run-1.sagerun/000001.jsonl": bytes(2**20 + 1)})
    assert path.stat().st_size < 10_000
    with pytest.raises(JournalError, match="holds no run"):
        open_recording(path)


def test_a_bomb_that_lies_about_its_size_is_cut(tmp_path: Path) -> None:
    content = encode_snapshot({}, RunState(1).to_json(), -1, 0.0)
    path = archive(tmp_path, {"run-1.sagerun/000001.jsonl": content + bytes(2**20)})
    data = path.read_bytes()
    size, lie = (2**20 + len(content)).to_bytes(4, "little"), len(content).to_bytes(4, "little")
    assert data.count(size) == 2  # in the header before the member, and in the directory behind it
    path.write_bytes(data.replace(size, lie))
    assert len(open_recording(path).run(1).read_segment(1, 0, 2**21)) == len(content)


def test_names_that_lead_elsewhere_are_left_alone(tmp_path: Path) -> None:
    names = [
        "../../evil/000001.jsonl",
        "/etc/run-1.sagerun/000001.jsonl",
        "run-1.sagerun/../../x",
        "run-1.sagerun/1.py",
    ]
    with pytest.raises(JournalError, match="holds no run"):
        open_recording(archive(tmp_path, dict.fromkeys(names, b"x\n")))
    assert [path.name for path in tmp_path.iterdir()] == ["made.sagerun"]


def test_links_in_a_session_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = small_session(tmp_path / "elsewhere")
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "run-1.sagerun").symlink_to(secret / "run-1.sagerun")
    (folder / "run-2.sagerun").mkdir()
    (folder / "run-2.sagerun" / "000001.jsonl").symlink_to(secret / "run-1.sagerun" / "000001.jsonl")
    assert read_all(folder) == 0


def test_a_replay_of_a_hostile_recording_can_be_opened_and_closed(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "half.sagerun"
    path.write_bytes(packed[: len(packed) // 2])
    session = ReplaySession(path)
    session.start()
    session.wait(SOON)
    assert session.snapshot().live is False
    session.close()
