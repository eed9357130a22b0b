"""A session with a service whose methods several operators call, some of them slow."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

from support.showing import NOON, FakeSession, edge, operator, run_view, service, session_view

from sage_runtime.events import (
    Failure,
    Latency,
    Record,
    ReplicaStats,
    ServiceCall,
    bucket_of,
    bucket_seconds,
    latency_of,
    replace,
)
from sage_tui.session.reload.versions import FileChange
from sage_tui.state.series import Span
from sage_tui.state.views import Bottleneck, Chart, Charts, MethodView, PipelineView, RunSummary, method_key

CALLERS = ("Retriever", "Reranker", "MemoryWriter")


def distribution(*milliseconds: tuple[float, int]) -> Latency:
    """A distribution of durations, each with its count."""
    counts = {bucket_of(ms / 1000): count for ms, count in milliseconds}
    return latency_of(counts, bucket_seconds(max(counts)))


def method(name: str, calls: int, latency: Latency, callers: dict[str, int], errors: int = 0) -> MethodView:
    return MethodView(name, calls, errors, calls / 12.4, 1 if name == "search" else 0, 3, latency, callers)


METHODS = (
    method("insert", 240, distribution((0.3, 230), (0.9, 10)), {"MemoryWriter": 240}),
    method("search", 1240, distribution((2, 1200), (4, 30), (48, 10)), {"Retriever": 900, "Reranker": 340}, 4),
    method("embed", 1240, distribution((8, 1230), (11, 10)), {"Retriever": 1240}),
)


def calls(count: int, first: int = 1) -> list[ServiceCall]:
    """Calls to all methods in turn. Every twentieth search is slow, every fortieth fails."""
    made = []
    for number in range(first, first + count):
        name, caller = (
            ("search", "Retriever"),
            ("embed", "Retriever"),
            ("insert", "MemoryWriter"),
            ("search", "Reranker"),
        )[number % 4]
        slow, fails = name == "search" and number % 20 == 0, name == "search" and number % 40 == 3
        made.append(
            ServiceCall(
                run=3,
                t=NOON + number / 16,
                id=number,
                pipeline="qa",
                service="vector_store",
                method=name,
                caller=caller,
                arguments=f"'what is record {number}?', top_k={number % 5 + 1}",
                result=None if fails else f"['passage {number}', 'passage {number + 1}']",
                error="TimeoutError: index is being rebuilt" if fails else None,
                waited=0.0002 * (number % 9),
                duration={"search": 0.041 if slow else 0.0021, "embed": 0.0081, "insert": 0.0003}[name]
                + 0.00001 * (number % 7),
            )
        )
    return made


def store_session(count: int = 120) -> FakeSession:
    """A question-answering pipeline whose operators share a vector store."""
    store = service(
        "vector_store",
        CALLERS,
        pipeline="qa",
        class_="VectorStore",
        file="qa.py",
        line=14,
        calls=2720,
        errors=4,
        rate=219.4,
        in_flight=1,
        waiting=9,
        methods=METHODS,
        latency=distribution((0.3, 230), (0.9, 10), (2, 1200), (4, 30), (8, 1230), (11, 10), (48, 10)),
        services=("embedder",),
    )
    store = replace(store, callers={"Retriever": 2140, "Reranker": 340, "MemoryWriter": 240})
    names = ("Questions", *CALLERS, "Answers")
    kinds = ("batch", "map", "map", "map", "sink")
    pipeline = PipelineView(
        id="qa",
        name="qa",
        era=3,
        status="running",
        started=NOON + 0.3,
        duration=None,
        operators=tuple(
            operator(name, kind, pipeline="qa", services=("vector_store",) if name in CALLERS else ())
            for name, kind in zip(names, kinds, strict=True)
        ),
        edges=tuple(edge(a, b) for a, b in pairwise(names)),
        services=(store,),
    )
    run = run_view(
        3,
        script="qa.py",
        phase="running",
        elapsed=12.4,
        rate=72.6,
        in_flight=41,
        pipelines=(pipeline,),
        bottleneck=Bottleneck("qa", "Retriever", "vector_store", 0.91, "waits 91%"),
    )
    session = FakeSession(session_view(run, script="qa.py"))
    session.lines("service_call").add(*calls(count))
    session.fail(
        Failure(
            t=NOON + 43 / 16,
            pipeline="qa",
            source="vector_store",
            kind="service",
            exception="TimeoutError",
            message="index is being rebuilt",
            traceback=(
                "Traceback (most recent call last):\n"
                '  File "qa.py", line 31, in search\n'
                '    raise TimeoutError("index is being rebuilt")\n'
                "TimeoutError: index is being rebuilt\n"
            ),
            file="qa.py",
            line=31,
        ),
        count=4,
    )
    return session


def charts(step: float, end: float, bins: int, *, level: float = 1.0, late: float = 0.0) -> Charts:
    """A history with a dip in the middle and a growing queue. The last share, `late`, is slower."""
    rate, queue, p95 = [], [], []
    for i in range(bins):
        share = i / bins
        slow = share > 1 - late
        wave = 1 + 0.1 * math.sin(i * 0.9) - (0.6 if 0.45 < share < 0.55 else 0.0)
        rate.append(level * 72 * wave * (0.5 if slow else 1.0))
        queue.append(float(round(40 * share + (300 * (share - 1 + late) if slow else 0))))
        p95.append((0.004 + 0.001 * math.sin(i)) * (9.0 if slow else 1.0))
    return Charts(Chart(step, end, tuple(rate)), Chart(step, end, tuple(queue)), Chart(step, end, tuple(p95)))


def charted_session() -> FakeSession:
    """`store_session` after a reload 35 seconds ago, with a history."""
    session = store_session()
    run = session.view.shown
    session.show(elapsed=35.0)
    first = RunSummary(2, "start", (), "stopped", NOON - 90, 89.5, 0)
    now = RunSummary(3, "reload", ("qa.py",), "running", NOON, 35.0, 4)
    session.view = replace(session.view, runs=(first, now))
    keys = (None, *(o.key for o in run.pipelines[0].operators), "qa/vector_store")
    for n, key in enumerate(keys):
        level = 1.0 + n / 4
        session.past[2, key, "minute"] = charts(1.0, 89.0, 60, level=level * 0.7)
        session.past[2, key, "five_minutes"] = charts(5.0, 85.0, 17, level=level * 0.7)
        session.past[3, key, "minute"] = charts(1.0, 35.0, 35, level=level, late=0.3)
        session.past[3, key, "five_minutes"] = charts(5.0, 35.0, 7, level=level, late=0.3)
        session.past[3, key, "whole"] = charts(1.0, 35.0, 35, level=level, late=0.3)
    spans: tuple[Span, ...] = ("minute", "five_minutes", "whole")
    for span in spans:
        session.past[3, None, span] = replace(session.past[3, None, span], slowest="Retriever")
    return session


EDIT = FileChange(
    "qa.py",
    "changed",
    (
        "@@ -28,7 +28,8 @@",
        " class VectorStore:",
        "     def search(self, query, top_k=3):",
        "-        scores = [self.score(query, passage) for passage in self.passages]",
        "-        return sorted(scores)[:top_k]",
        "+        scores = self.index @ self.embed(query)",
        "+        best = scores.argpartition(-top_k)[-top_k:]",
        "+        return [self.passages[i] for i in best]",
        " ",
    ),
    3,
    2,
)


def edited_session() -> FakeSession:
    """`charted_session` in its fourth run. The third failed at once; the edit before it made a service faster."""
    session = charted_session()
    run = replace(session.view.shown, run=4)
    session.view = replace(
        session.view,
        current=run,
        shown=run,
        runs=(
            RunSummary(1, "start", (), "finished", NOON - 300, 140.0, 0, 1, 7_020),
            RunSummary(2, "reload", ("/home/you/qa.py",), "stopped", NOON - 90, 80.0, 3, 2, 4_032),
            RunSummary(3, "reload", ("/home/you/qa.py", "/home/you/store.py"), "failed", NOON - 9, 0.6, 1, 3, 0, 1),
            RunSummary(4, "reload", ("/home/you/qa.py",), "running", NOON, 35.0, 4, 4, 2_520),
        ),
    )
    session.earlier = {2: replace(run, run=2), 1: replace(run, run=1), 3: run_view(3, phase="failed")}
    keys = (None, *(o.key for o in run.pipelines[0].operators), "qa/vector_store")
    for n, key in enumerate(keys):
        level = 1.0 + n / 4
        slow = 0.66 if n in (0, 2, 6) else 1.01
        session.past[4, key, "whole"] = charts(1.0, 35.0, 35, level=level)
        session.past[2, key, "whole"] = charts(1.0, 80.0, 80, level=level * slow, late=0.6 if n == 2 else 0.0)
        session.past[1, key, "whole"] = charts(2.0, 140.0, 70, level=level)
        session.past[4, key, "minute"] = session.past[3, key, "minute"]
    for name, before in (("search", 1.5), ("insert", 1.0), ("embed", 1.0)):
        key = method_key("qa/vector_store", name)
        session.past[4, key, "whole"] = charts(1.0, 35.0, 35)
        session.past[2, key, "whole"] = charts(1.0, 80.0, 80, level=before)
    session.edits = {
        (4, 2): (EDIT,),
        (4, 3): (EDIT,),
        (2, 1): (),
        (3, 2): (FileChange("store.py", "new", ("@@ -0,0 +1 @@", "+import nunpy"), 1, 0),),
    }
    for (_, channel), lines in list(session.channels.items()):
        session.channels[4, channel] = lines
    return session


SOURCE = '''import numpy as np


class Retriever(MapFunction):
    """Finds the passages that may hold the answer."""

    def execute(self, question):
        # the store embeds the question itself
        passages = self.call_service["vector_store"].search(question["text"], top_k=3)
        return {**question, "passages": passages}


class Other:
    pass
'''


def inspected_session(folder: Path) -> FakeSession:
    """`edited_session` with records, replicas, lines, a distribution and the source of its operator Retriever."""
    session = edited_session()
    file = folder / "qa.py"
    file.write_text(SOURCE)
    (pipeline,) = session.view.shown.pipelines
    first, second, *rest = pipeline.operators
    replicas = tuple(
        ReplicaStats(
            n, records_in=300 + 120 * n, records_out=300 + 120 * n, busy=0.2 * n, idle=1 - 0.2 * n, queue=9 * n
        )
        for n in range(3)
    )
    second = replace(
        second,
        file=str(file),
        line=4,
        parallelism=3,
        replicas=replicas,
        errors=2,
        busy=0.2,
        waiting=0.55,
        idle=0.2,
        blocked=0.05,
        latency=distribution((2, 40), (3, 200), (4, 600), (6, 300), (9, 90), (20, 20), (45, 9)),
    )
    session.show(pipelines=(replace(pipeline, operators=(first, second, *rest)),))
    preview = '{\n  "id": %d,\n  "text": "what is record %d?"%s\n}'
    for number in range(1, 9):
        for port, more in (("in", ""), ("out", ',\n  "passages": ["a", "b", "c"]')):
            text = preview % (number, number, more)
            record = Record(
                t=NOON + number, pipeline="qa", operator="Retriever", port=port, preview=text, sequence=100 + number
            )
            session.lines("record").add(record)
        session.print(f"looked for record {number}", source="Retriever")
    session.log("WARNING", "the index is old", "Retriever")
    return session
