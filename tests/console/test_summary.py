"""The lines that close a plain run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sage_runtime.events import Latency, replace
from sage_tui.console.summary import print_summary, summary
from sage_tui.state.views import FailureGroup, OperatorView, PipelineView, RunView, ServiceView


def operator(name: str, kind: str, *, records_out: int = 10, p95: float = 0.0) -> OperatorView:
    latency = Latency(p95=p95)
    return OperatorView(
        f"p/{name}", "p", name, name, kind, name, 1, None, None, records_out=records_out, latency=latency
    )


def service(name: str, *, calls: int = 10, errors: int = 0) -> ServiceView:
    return ServiceView(
        f"p/{name}", "p", name, name, None, None, calls=calls, errors=errors, latency=Latency(p95=0.0003)
    )


PIPELINE = PipelineView(
    id="greeting",
    name="greeting",
    era=1,
    status="finished",
    started=0.0,
    duration=0.1,
    operators=(
        operator("Words", "batch", p95=5.0),
        operator("Shout", "map", p95=0.0004),
        operator("Show", "sink", p95=0.00005),
    ),
    edges=(),
    services=(service("greeter"),),
)

GOOD = RunView(
    run=1,
    seq=40,
    phase="finished",
    script="/somewhere/hello.py",
    python="",
    engine="",
    reason="start",
    changed=(),
    started=0.0,
    elapsed=0.31,
    exit_code=0,
    signal=None,
    errors=0,
    rate=0.0,
    in_flight=0,
    pipelines=(PIPELINE,),
    failures=(),
    bottleneck=None,
    notices=(),
    lines={},
    left_out={},
    prompt=None,
)


def failure(number: int, *, count: int = 1, kind: str = "operator", message: str = "no") -> FailureGroup:
    return FailureGroup(
        group=f"g{number}",
        pipeline="p",
        source=f"Op{number}",
        kind=kind,
        exception="ValueError",
        message=message,
        file="/somewhere/hello.py",
        line=number,
        count=count,
        first_t=0.0,
        last_t=0.0,
        sent=count,
    )


def text(run: RunView) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in summary(run, Path("the-folder"))]


def test_a_good_run_is_told_in_three_lines() -> None:
    assert text(GOOD) == [
        "sage-tui: hello.py finished in 310 ms",
        "  greeting: 10 records in 100 ms (100/s), slowest Shout (p95 0.4 ms)",
        "  service greeter: 10 calls, p95 0.3 ms",
    ]


def test_failures_are_grouped_with_count_and_place_and_the_folder_is_named() -> None:
    groups = (failure(7, message="x\x1b[2J"), failure(9, count=1200, kind="service"))
    lines = text(replace(GOOD, phase="failed", exit_code=1, errors=1201, failures=groups))
    assert lines[0] == "sage-tui: hello.py failed with exit status 1 after 310 ms, 1,201 failed"
    assert lines[3:] == [
        "  1,200 x ValueError in service Op9 (hello.py:9): no",
        "  1 x ValueError in Op7 (hello.py:7): x␛[2J",
        "  logs: the-folder",
    ]


def test_failures_of_too_many_kinds_are_counted_together() -> None:
    other = replace(failure(1, count=2000, kind="other", message="failures of other groups"), exception="", source=None)
    lines = text(replace(GOOD, errors=2001, failures=(failure(7), other)))
    assert "  2,000 x failures of other groups" in lines


def test_a_signal_is_named() -> None:
    run = replace(GOOD, phase="failed", signal="SIGSEGV", exit_code=None)
    assert text(run)[0] == "sage-tui: hello.py failed, ended by SIGSEGV after 310 ms"


def test_a_stopped_run_has_no_status_of_its_own() -> None:
    run = replace(GOOD, phase="stopped", exit_code=130)
    assert text(run)[0] == "sage-tui: hello.py stopped after 310 ms"


def test_a_script_without_a_pipeline_says_so() -> None:
    assert text(replace(GOOD, pipelines=())) == ["sage-tui: hello.py finished in 310 ms, no pipeline was submitted"]


def test_many_of_a_kind_are_counted() -> None:
    pipeline = replace(PIPELINE, services=tuple(service(f"s{number}", calls=100 - number) for number in range(20)))
    lines = [line for line in text(replace(GOOD, pipelines=(pipeline,))) if "service" in line]
    assert [line.split(":")[0] for line in lines[:5]] == [f"  service s{number}" for number in range(5)]
    assert lines[5:] == ["  and 15 more services"]


def test_off_a_terminal_our_own_words_are_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = replace(PIPELINE, operators=(PIPELINE.operators[0], operator("Quick", "map", p95=0.00004)))
    print_summary(replace(GOOD, pipelines=(pipeline,)), Path("f"))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.isascii()
    assert "slowest Quick (p95 40 us)" in printed.err


def test_on_a_terminal_it_is_coloured_and_the_text_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_summary(replace(GOOD, script="/x/[bold]odd.py"), Path("f"))
    printed = capsys.readouterr().err
    assert "\x1b[" in printed
    assert "[bold]odd.py" in printed
