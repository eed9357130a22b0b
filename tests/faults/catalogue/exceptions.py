"""Exceptions in the script and in its operators."""

from __future__ import annotations

from faults.catalogue.fault import Fault, at_third, pipeline

SLOW_WORK = "class Work(MapFunction):\n    def execute(self, number): time.sleep(0.05); return number\n"
SLOW_FLOW = "env.from_batch(Numbers, 200).map(Work).sink(Show)"

SCRIPT = (
    Fault("syntax_error", "a syntax error", "print('a')\ndef f(:  # here\n  pass\n", 1, "SyntaxError"),
    Fault("indentation", "wrong indentation", "print('a')\n  x = 1  # here\n", 1, "IndentationError"),
    Fault("import_error", "a module that isn't there", "import nosuchmodule  # here\n", 1, "ModuleNotFoundError"),
    Fault(
        "import_name",
        "a name that isn't in a module",
        "from sage.core.api.local_environment import Nope  # here\n",
        1,
        "ImportError",
    ),
    Fault(
        "sage_missing",
        "a part of SAGE that isn't served",
        "import sage.nosuch.thing  # here\n",
        1,
        "ModuleNotFoundError",
        says="sage-tui does not serve it",
    ),
    Fault("before_submit", "an exception before `submit`", "raise ValueError('b')  # here\n", 1, "ValueError"),
    Fault(
        "while_running",
        "an exception while the pipeline runs",
        pipeline(SLOW_WORK, SLOW_FLOW, submit="env.submit()", after="time.sleep(0.3)\nraise ValueError('d')  # here"),
        1,
        "ValueError",
        says="ValueError: d",
    ),
    Fault(
        "after_submit",
        "an exception after the pipeline's end",
        pipeline(after="raise ValueError('after')  # here"),
        1,
        "ValueError",
        prints="got 5",
    ),
    Fault(
        "recursion_in_script",
        "endless recursion in the script",
        "def r(n): return r(n + 1)  # here\nprint('a')\nr(0)\n",
        1,
        "RecursionError",
        prints="a",
    ),
    Fault(
        "memory_in_script",
        "out of memory in the script (a limit of 600 MB)",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))\nx = []\n"
        "while True: x.append(bytearray(10 << 20))  # here\n",
        1,
        "MemoryError",
        quick=False,
    ),
    Fault(
        "memory_by_bits",
        "out of memory by many small objects (a limit of 400 MB)",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\nx = []\n"
        "while True: x.append([1] * 100)  # here\n",
        1,
        "MemoryError",
        quick=False,
    ),
    Fault(
        "exception_hook",
        "an exception hook of the script's own",
        "import sys\nsys.excepthook = lambda *a: print('my hook', a[0].__name__)\nraise ValueError('x')  # here\n",
        1,
        "ValueError",
        prints="my hook ValueError",
    ),
    Fault(
        "thread_raises",
        "an exception in a thread of the script's own",
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\nprint('on')\n",
        prints="on",
        says="ZeroDivisionError",
    ),
    Fault(
        "unraisable",
        "an exception in `__del__`",
        "class A:\n    def __del__(self): 1 / 0\nA()\nprint('on')\n",
        prints="on",
        says="ZeroDivisionError",
    ),
    Fault(
        "no_text_in_script",
        "an exception whose text raises",
        "class E(Exception):\n    def __str__(self): raise ValueError('no')\n    __repr__ = __str__\n"
        "raise E('x')  # here\n",
        1,
        "E",
    ),
)

OPERATORS = (
    Fault(
        "constructor_of_source",
        "an exception in the constructor of a source",
        pipeline(
            """
            class Numbers(BatchFunction):
                def __init__(self, **options): raise ValueError("source")  # here
                def execute(self): return None
            """
        ),
        1,
        "ValueError",
    ),
    Fault(
        "constructor_of_operator",
        "an exception in the constructor of an operator",
        pipeline(
            """
            class Work(MapFunction):
                def __init__(self, **options): raise ValueError("operator")  # here
                def execute(self, number): return number
            """
        ),
        1,
        "ValueError",
    ),
    Fault(
        "constructor_of_sink",
        "an exception in the constructor of a sink",
        pipeline(
            """
            class Show(SinkFunction):
                def __init__(self, **options): raise ValueError("sink")  # here
                def execute(self, value): pass
            """
        ),
        1,
        "ValueError",
    ),
    Fault(
        "setup_of_operator",
        "`setup` and `open` of an operator, which SAGE does not call",
        pipeline(
            """
            class Work(MapFunction):
                def setup(self, *_): raise ValueError("setup")
                open = setup
                def execute(self, number): return number
            """
        ),
        prints="got 5",
    ),
    Fault(
        "types_without_end",
        "a type of its own for the exception of each of 3,000 records",
        pipeline(
            """
            class Work(MapFunction):
                def execute(self, number):
                    raise type(f"E{number}", (ValueError,), {})(number)
            """,
            "env.from_batch(Numbers, 3000).map(Work).sink(Show)",
        ),
        failure="E1",
        errors=3000,
    ),
    Fault(
        "execute",
        "an exception in `execute` of an operator",
        at_third("raise ValueError('bad record')  # here"),
        failure="ValueError",
        errors=1,
        prints="got 5",
        says="1 x ValueError in Work (execute.py:",
    ),
    Fault(
        "execute_told",
        "the same with `--fail-on-error`",
        at_third("raise ValueError('bad record')  # here"),
        1,
        "ValueError",
        errors=1,
        options=("--fail-on-error",),
        screen="FINISHED",
    ),
    Fault(
        "source_raises",
        "an exception in `execute` of a source",
        pipeline(
            """
            class Numbers(Numbers):
                def execute(self):
                    if self.number == 3: raise OSError("source broke")  # here
                    return super().execute()
            """
        ),
        failure="OSError",
        errors=1,
        prints="got 3",
    ),
    Fault(
        "sink_raises",
        "an exception in a sink for each record",
        pipeline(
            """
            class Show(SinkFunction):
                def execute(self, value): raise RuntimeError(f"sink broke {value}")  # here
            """
        ),
        failure="RuntimeError",
        errors=5,
    ),
    Fault(
        "filter_raises",
        "an exception in a filter",
        pipeline(
            """
            class Odd(FilterFunction):
                def execute(self, number): return 1 / (number - 3) != 0  # here
            """,
            "env.from_batch(Numbers).filter(Odd).sink(Show)",
        ),
        failure="ZeroDivisionError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "generator_raises",
        "an exception in the generator that a flatmap gave back",
        pipeline(
            """
            class Twice(FlatMapFunction):
                def execute(self, number):
                    yield number
                    if number == 3: raise KeyError("in generator")  # here
                    yield number
            """,
            "env.from_batch(Numbers).flatmap(Twice).sink(Show)",
        ),
        failure="KeyError",
        errors=1,
        prints="got 5\ngot 5\n",
    ),
    Fault(
        "close_raises",
        "an exception in `close`",
        pipeline(
            """
            class Show(Show):
                def close(self): raise ValueError("close")  # here
            """
        ),
        failure="ValueError",
        prints="got 5",
    ),
    Fault(
        "key_raises",
        "an exception in a key function",
        pipeline(
            """
            class Key(KeyByFunction):
                def execute(self, number):
                    if number == 3: raise KeyError("no key")  # here
                    return number % 2
            """,
            "env.from_batch(Numbers).keyby(Key).map(Work).sink(Show)",
        ),
        failure="KeyError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "key_without_hash",
        "a key that can't be hashed: its text is taken",
        pipeline(
            """
            class Key(KeyByFunction):
                def execute(self, number): return [number]
            """,
            "env.from_batch(Numbers).keyby(Key).map(Work, parallelism=2).sink(Show)",
        ),
        prints="got 5",
        errors=0,
    ),
    Fault(
        "key_compares",
        "keys whose hash or comparison raises",
        pipeline(
            """
            class NoHash:
                def __hash__(self): raise ValueError("hash")
            class NoComparison:
                def __hash__(self): return 1
                def __eq__(self, other): raise ValueError("equal?")
                def __lt__(self, other): raise ValueError("less?")
            class Key(KeyByFunction):
                def execute(self, number):
                    return NoHash() if number == 2 else NoComparison() if number > 2 else number
            """,
            "env.from_batch(Numbers).keyby(Key).map(Work, parallelism=2).sink(Show)",
        ),
        failure="ValueError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "stop_iteration",
        "`StopIteration` out of an operator",
        at_third("raise StopIteration  # here"),
        failure="StopIteration",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "generator_exit",
        "`GeneratorExit` out of an operator",
        at_third("raise GeneratorExit  # here"),
        failure="GeneratorExit",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "keyboard_interrupt",
        "`KeyboardInterrupt` out of an operator",
        at_third("raise KeyboardInterrupt  # here"),
        failure="KeyboardInterrupt",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "exception_group",
        "an exception group",
        at_third("raise ExceptionGroup('many', [ValueError(1), TypeError(2)])  # here"),
        failure="ExceptionGroup",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "recursion",
        "recursion to the limit in an operator",
        at_third("def r(n): return r(n + 1)  # here\nr(0)"),
        failure="RecursionError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "memory",
        "out of memory in an operator (a limit of 600 MB)",
        at_third(
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))\nx = []\n"
            "while True: x.append(bytearray(10 << 20))  # here"
        ),
        failure="MemoryError",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "no_text",
        "an exception whose text raises, in an operator",
        at_third(
            "raise E('x')  # here",
            "class E(Exception):\n    def __str__(self): raise ValueError('no')\n    __repr__ = __str__\n",
        ),
        failure="E",
        errors=1,
        prints="got 5",
    ),
    Fault(
        "huge_text",
        "an exception with a text of 50 MB",
        at_third("raise ValueError('x' * 50_000_000)  # here"),
        failure="ValueError",
        errors=1,
        prints="got 5",
        quick=False,
    ),
    Fault(
        "text_of_escapes",
        "an exception whose text is escape sequences and markup",
        at_third(r"raise ValueError('\x1b[2J\x1b]0;title\x07[bold]red[/]')  # here"),
        failure="ValueError",
        errors=1,
        prints="got 5",
        says=r"\x1b[2J\x1b]0;title\x07[bold]red[/]",
    ),
)
