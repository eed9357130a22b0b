"""The same scripts on the real SAGE and here: every sink receives the same records.

Run on demand, with `SAGE_REAL` naming a folder of virtual environments, one for each version of SAGE: `e1a` with
isage-kernel and isage-common 0.1.2, `e1b` with 0.1.5.1, `e2b` with 0.2.4.14 (isage-platform 0.2.4.12 beside it) and
`e3` with isage 0.3.2.4:

    SAGE_REAL=/path/to/environments python -m pytest -m differential tests/api/test_differential.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.differential

_FUNCTION_MODULES = {
    "BatchFunction": "batch_function",
    "SourceFunction": "source_function",
    "MapFunction": "map_function",
    "FilterFunction": "filter_function",
    "FlatMapFunction": "flatmap_function",
    "SinkFunction": "sink_function",
    "KeyByFunction": "keyby_function",
    "BaseCoMapFunction": "comap_function",
    "BaseJoinFunction": "join_function",
}


def _imports(functions: str, *others: str) -> str:
    lines = [f"from {functions}.{module} import {name}" for name, module in _FUNCTION_MODULES.items()]
    return "\n".join([*lines, *others])


_LOGGER = "from sage.common.utils.logging.custom_logger import CustomLogger"
_ERA_1 = _imports(
    "sage.core.api.function",
    "from sage.core.api.local_environment import LocalEnvironment",
    "from sage.core.api.service.base_service import BaseService",
    _LOGGER,
)
_ERA_2 = _imports(
    "sage.common.core.functions",
    "from sage.kernel.api.local_environment import LocalEnvironment",
    "from sage.kernel.api.service.base_service import BaseService",
    _LOGGER,
)
_ERA_3 = dedent(
    f"""\
    from sage.foundation import {", ".join(_FUNCTION_MODULES)}, CustomLogger
    from sage.runtime import LocalEnvironment, BaseService
    """
)
ENGINES = {"e1a": _ERA_1, "e1b": _ERA_1, "e2b": _ERA_2, "e3": _ERA_3}

START = """
import sys

CustomLogger.disable_global_console_debug()

class Take(SinkFunction):
    label = "sink"
    def execute(self, data):
        sys.stdout.write(f"RECORD {self.label} {data!r}\\n")  # in one piece: the real engine's threads share it
        sys.stdout.flush()

class TakeOther(Take):
    label = "other"

class Numbers(BatchFunction):
    def __init__(self, count=6, **kwargs):
        super().__init__(**kwargs)
        self.count, self.last = count, 0
    def execute(self):
        if self.last == self.count:
            return None
        self.last += 1
        return self.last

class NumbersSource(Numbers):
    pass

class OtherNumbersSource(Numbers):
    def execute(self):
        value = super().execute()
        return None if value is None else value * 100

env = LocalEnvironment("differential")
"""

SCRIPTS = {
    "a chain of classes": """
        class Twice(MapFunction):
            def __init__(self, factor, **kwargs):
                super().__init__(**kwargs)
                self.factor = factor
            def execute(self, data):
                return data * self.factor
        class Big(FilterFunction):
            def execute(self, data):
                return data > 4
        class Spread(FlatMapFunction):
            def execute(self, data):
                return [data, -data]
        env.from_batch(Numbers, count=8).map(Twice, 2).filter(Big).flatmap(Spread).sink(Take)
        """,
    "lambdas": """
        stream = env.from_batch(Numbers).map(lambda x: x + 1).filter(lambda x: x % 2 == 0)
        stream.flatmap(lambda x: [x] * 2).sink(Take)
        """,
    "a list": "env.from_batch(['a', ('b', 1), {'c': 2}]).sink(Take)",
    "a range": "env.from_batch(range(5)).map(lambda x: -x).sink(Take)",
    "a text": "env.from_batch('abc').sink(Take)",
    "replicas": """
        class Square(MapFunction):
            def execute(self, data):
                return data * data
        env.from_batch(Numbers, count=20).map(Square, parallelism=3).sink(Take)
        """,
    "two branches": """
        class Left(MapFunction):
            def execute(self, data):
                return "left", data
        class Right(MapFunction):
            def execute(self, data):
                return "right", data
        stream = env.from_batch(Numbers)
        stream.map(Left).sink(Take)
        stream.map(Right).sink(TakeOther)
        """,
    "keyed counts": """
        class Key(KeyByFunction):
            def execute(self, data):
                return data % 3
        class Count(MapFunction):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.counts = {}
            def execute(self, data):
                self.counts[data % 3] = self.counts.get(data % 3, 0) + 1
                return data % 3, self.counts[data % 3]
        env.from_batch(Numbers, count=9).keyby(Key).map(Count).sink(Take)
        """,
    "a comap": """
        class Sides(BaseCoMapFunction):
            def map0(self, data):
                return "left", data
            def map1(self, data):
                return "right", data
        env.from_batch(NumbersSource).connect(env.from_batch(OtherNumbersSource)).comap(Sides).sink(Take)
        """,
    "a join": """
        class Key(KeyByFunction):
            def execute(self, data):
                return data if data < 100 else data // 100
        class OtherKey(Key):
            pass
        class Pair(BaseJoinFunction):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.sides = ({}, {})
            def execute(self, payload, key, tag):
                self.sides[tag][key] = payload
                other = self.sides[1 - tag].get(key)
                return [] if other is None else [(key, payload + other)]
        left = env.from_batch(NumbersSource).keyby(Key)
        left.connect(env.from_batch(OtherNumbersSource).keyby(OtherKey)).join(Pair).sink(Take)
        """,
    "streams merged": """
        class Negate(MapFunction):
            def execute(self, data):
                return -data
        env.from_batch(NumbersSource).connect(env.from_batch(OtherNumbersSource)).map(Negate).sink(Take)
        """,
    "a service": """
        class Lookup(BaseService):
            def __init__(self, start):
                self.start = start
            def process(self, data):
                return self.start + data
        class Ask(MapFunction):
            def execute(self, data):
                try:
                    call = self.call_service["lookup"]
                except TypeError:
                    return self.call_service("lookup", data)
                return call.process(data)
        env.register_service("lookup", Lookup, 1000)
        env.from_batch(Numbers).map(Ask).sink(Take)
        """,
    "records that fail": """
        class Odd(MapFunction):
            def execute(self, data):
                if data % 2 == 0:
                    raise ValueError(data)
                return data
        env.from_batch(Numbers).map(Odd).sink(Take)
        """,
}

OURS_HAS_MORE = {
    ("e1a", "a join"): "0.1.2 never ends a join",
    ("e1b", "a comap"): "a comap ends with its first finished input",
    ("e2b", "a comap"): "a comap ends with its first finished input",
    ("e3", "two branches"): "era 3 runs two branches of a batch as one chain",
    ("e3", "a service"): "era 3 has no services in linear batches",
    ("e3", "records that fail"): "era 3 fails before the sink's stage",
}
"""Where the real engine loses records, by its own bugs; there ours must have all that it delivers, and more."""


def records(command: list[str], script: Path, timeout: float) -> Counter[str]:
    """What the sinks of a script received; a script that does not end is ended."""
    process = subprocess.Popen(
        [*command, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=script.parent
    )
    try:
        out, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    return Counter(line for line in out.splitlines() if line.startswith("RECORD "))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_sink_receives_the_same(engine: str, script: str, tmp_path: Path) -> None:
    folder = os.environ.get("SAGE_REAL")
    if folder is None:
        pytest.skip("SAGE_REAL names no folder of environments with the real SAGE")
    python = Path(folder, engine, "bin", "python")
    if not python.exists():
        pytest.skip(f"there is no {python}")
    file = tmp_path / "script.py"
    body = [ENGINES[engine], START, dedent(SCRIPTS[script]), "env.submit(autostop=True)"]
    file.write_text("\n".join(body), encoding="utf-8")
    real = records([str(python)], file, timeout=45)
    ours = records([sys.executable, "-m", "sage_tui", "--plain"], file, timeout=45)
    assert ours
    if (engine, script) in OURS_HAS_MORE:
        assert real - ours == Counter()
    else:
        assert ours == real
