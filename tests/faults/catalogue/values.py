"""Records that do harm when they are previewed, in a pipeline whose operator calls a service and fails."""

from __future__ import annotations

from textwrap import dedent

from faults.catalogue.fault import Fault, pipeline

_FLOW = 'env.register_service("svc", Svc)\nenv.from_batch(Bads).map(Work).sink(Show)'


def hostile(bad: str) -> str:
    """Five records of `Bad`. Each is the argument of a call and of an exception, and fails."""
    return pipeline(
        dedent(bad).strip("\n")
        + """
class Bads(Numbers):
    def execute(self):
        return None if super().execute() is None else Bad()
class Svc(BaseService):
    def go(self, value): return value
class Work(MapFunction):
    def execute(self, value):
        self.call_service["svc"].go(value)
        raise ValueError(value)  # here
""",
        _FLOW,
        after='print("done")',
    )


def _failing(name: str, what: str, bad: str, quick: bool = True) -> Fault:
    return Fault(name, what, hostile(bad), failure="ValueError", errors=5, prints="done", quick=quick)


_RAISES = "class Bad:\n    def __repr__(self): "

FAULTS = (
    _failing("repr_raises", "a `repr` that raises", _RAISES + "raise RuntimeError('repr')"),
    _failing("repr_exits", "a `repr` that exits", _RAISES + "sys.exit(3)"),
    _failing("repr_recurses", "a `repr` that recurses", _RAISES + "return repr(self)"),
    _failing(
        "repr_blocks",
        "a `repr` that blocks",
        _RAISES + "time.sleep(1000)",
        quick=False,
    ),
    _failing("repr_spins", "a `repr` that never ends", _RAISES + "\n        while True: pass", quick=False),
    _failing(
        "repr_huge",
        "a `repr` of 50 MB",
        _RAISES + "return 'x' * 50_000_000",
        quick=False,
    ),
    _failing("repr_number", "a `repr` that is no text", _RAISES + "return 5"),
    _failing("repr_escapes", "a `repr` of escapes", _RAISES + r"return '\x1b[2J[bold]x[/]\n\ud800\u202e'"),
    _failing(
        "attributes_raise",
        "records each of whose attributes raises, of a class that has no name",
        """
        class Meta(type):
            def __repr__(cls): raise ValueError
            __name__ = property(lambda cls: 1 / 0)
        class Bad(metaclass=Meta):
            def __getattribute__(self, name): raise ValueError(name)
        """,
    ),
    _failing(
        "class_lies",
        "records that say to be of another class, or none",
        """
        class Bad:
            @property
            def __class__(self): raise ValueError("class")
        """,
    ),
    _failing(
        "text_lies",
        "texts whose length, items and text raise",
        """
        class Bad(str):
            def __repr__(self): raise ValueError
            def __len__(self): return -1
            __str__ = __repr__
            def __getitem__(self, at): raise ValueError
        """,
    ),
    _failing(
        "truth_raises",
        "records whose comparison, hash and truth raise",
        """
        class Bad:
            def __eq__(self, other): raise ValueError("equal?")
            def __bool__(self): raise ValueError("true?")
            def __hash__(self): raise ValueError("hash")
        """,
    ),
    _failing("holds_itself", "containers that hold themselves", "def Bad():\n    a = []; a.append(a); return {'a': a}"),
    _failing(
        "huge_list",
        "lists of five million numbers",
        "ALL = list(range(5_000_000))\ndef Bad(): return ALL",
        quick=False,
    ),
    _failing(
        "deep_list",
        "100,000 lists in one another",
        "def Bad():\n    a = []\n    for _ in range(100_000): a = [a]\n    return a",
        quick=False,
    ),
    Fault(
        "repr_unasked",
        "a `repr` with side effects, in a pipeline that nobody looks into: it never runs",
        pipeline(
            """
            asked = []
            class Bad:
                def __repr__(self): asked.append(1); return "Bad"
            class Bads(Numbers):
                def execute(self):
                    return None if super().execute() is None else Bad()
            class Show(SinkFunction):
                def execute(self, value): pass
            """,
            "env.from_batch(Bads, 10_000).map(Work).sink(Show)",
            after='print("asked", len(asked))',
        ),
        prints="asked 0",
        ways=("plain", "json"),
    ),
)
