"""The script runs as `__main__`, as `python script.py` would run it."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from support.workers import Run, Scripts, plain


def same_as_python(scripts: Scripts, text: str | bytes, *argv: str) -> Run:
    """The run of a script whose status and output are what plain Python makes of it."""
    run = scripts.run(text, *argv)
    assert (run.status, run.stdout, run.stderr) == plain(scripts.folder / "script.py", *argv, folder=scripts.folder)
    return run


def test_the_module_and_its_surroundings(scripts: Scripts) -> None:
    same_as_python(
        scripts,
        """
        '''The docstring.'''
        import sys, os
        print(sys.argv, sys.orig_argv, sys.path, __file__, __name__, __doc__, __spec__, __package__)
        print(sorted(globals()), type(__loader__), __loader__.path, __builtins__)
        print(sys.modules["__main__"].__dict__ is globals(), os.getcwd(), sys.flags)
        class Here: pass
        print(Here, Here.__module__)
        """,
        "--an", "argument", "ä b",
    )  # fmt: skip


def test_a_script_reached_through_a_link_finds_its_siblings(scripts: Scripts) -> None:
    scripts.write("import sibling; print(sibling.__name__, __file__)", "real/script.py")
    scripts.write("", "real/sibling.py")
    link = scripts.folder / "link.py"
    link.symlink_to(scripts.folder / "real" / "script.py")
    with Run(link) as run:
        run.end()
    assert (run.status, run.stdout, run.stderr) == plain(link)


def test_a_compiled_script_runs_as_it_does_in_python(scripts: Scripts) -> None:
    source = scripts.write("print(__file__, __name__, type(__loader__))\ndef f(): return 1 / 0\nf()", "source.py")
    compiled = scripts.folder / "script.pyc"
    py_compile.compile(str(source), cfile=str(compiled))
    with Run(compiled) as run:
        run.end()
    assert (run.status, run.stdout, run.stderr) == plain(compiled)


def test_a_compiled_script_of_another_python_says_so(scripts: Scripts) -> None:
    other = scripts.folder / "script.pyc"
    other.write_bytes(b"from the future, which has no end")
    with Run(other) as run:
        run.end()
    assert run.status == 1
    assert "can't be run by this Python: bad magic number" in run.stderr


@pytest.mark.parametrize(
    "name",
    ["queue", "json", "events", "logging", "threading", "dataclasses", "signal", "select", "runtime", "app",
     "typing", "traceback", "os", "io", "sage_tui", "engine", "preview", "worker"],
)  # fmt: skip
def test_a_module_beside_the_script_is_its_own(scripts: Scripts, name: str) -> None:
    scripts.write(f"VALUE = 'the own {name}'", f"{name}.py")
    same_as_python(scripts, f"import {name}\nprint(getattr({name}, 'VALUE', 'the standard one'))")


def test_a_package_beside_the_script_is_its_own(scripts: Scripts) -> None:
    scripts.write("VALUE = 'own'", "json/__init__.py")
    scripts.write("VALUE = 'own, too'", "json/decoder.py")
    same_as_python(scripts, "import json, json.decoder\nprint(json.VALUE, json.decoder.VALUE)")


def test_pipelines_run_beside_modules_that_are_called_like_pythons(scripts: Scripts) -> None:
    for name in ("queue", "json", "logging", "inspect", "uuid", "platform", "contextlib", "csv", "socket"):
        scripts.write("raise ImportError('not for sage')", f"{name}.py")
    run = scripts.run("""
        from sage.core.api.local_environment import LocalEnvironment
        from sage.libs.io_utils.sink import TerminalSink, FileSink
        env = LocalEnvironment("p")
        env.from_batch([1, 2, 3]).map(lambda x: x * 2).sink(lambda x: print(x))
        env.submit(autostop=True)
        """)
    assert run.stderr == ""
    assert run.stdout.splitlines()[-3:] == ["2", "4", "6"]


def test_pythonpath_does_not_reach_the_runtime_but_the_script(scripts: Scripts) -> None:
    scripts.write("VALUE = 'own'", "elsewhere/queue.py")
    scripts.write("raise ImportError('broken')", "elsewhere/logging.py")
    run = scripts.run(
        "import queue; print(queue.VALUE)\ntry: import logging\nexcept ImportError as error: print(error)",
        env={"PYTHONPATH": str(scripts.folder / "elsewhere")},
    )
    assert (run.stdout, run.stderr) == ("own\nbroken\n", "")


SOURCES: dict[str, bytes] = {
    "latin-1 with a cookie": "# coding: latin-1\nprint('é')\n".encode("latin-1"),
    "latin-1 without one": "# no cookie\nprint('é')\n".encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbfprint('marked')\n",
    "a byte order mark and another cookie": b"\xef\xbb\xbf# coding: latin-1\nprint(1)\n",
    "an unknown cookie": b"# coding: nonsense\nprint(1)\n",
    **({"a NUL": b"x = 1\ny = 2\x00\n"} if sys.version_info >= (3, 11, 4) else {}),  # earlier ones read over it
    "nothing": b"",
    "no last newline": b"print('end')",
    "windows line ends": b"print('dos')\r\nif True:\r\n    print('fine')\r\n",
    "a form feed and tabs": b"\x0cif True:\n\tprint('tab')\n",
    "50,000 lines": b"x = 1\n" * 50_000 + b"print(x)\n",
    "a wrong line far down": b"x = 1\n" * 5_000 + b"print(\n",
    "a warning": b"print('\\d', 1 is 1)\n",
    "a future": b"from __future__ import annotations\ndef f(x: nothing): pass\nprint(f.__annotations__)\n",
    "no future": b"try:\n    def f(x: nothing): pass\n    f.__annotations__\nexcept NameError as e: print(e)\n",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_sources_are_read_as_python_reads_them(scripts: Scripts, source: bytes) -> None:
    same_as_python(scripts, source)


def test_a_folder_with_a_main_runs(scripts: Scripts) -> None:
    scripts.write("import sibling, sys; print(__name__, sys.argv[1:])", "app/__main__.py")
    scripts.write("", "app/sibling.py")
    with Run(scripts.folder / "app", "x") as run:
        assert run.end().stdout == "__main__ ['x']\n"


def test_the_script_may_change_folder_and_delete_itself(scripts: Scripts) -> None:
    run = scripts.run("import os; os.unlink(__file__); os.chdir('/'); print('still here'); 1 / 0")
    assert (run.status, run.stdout) == (1, "still here\n")
    assert run.failures[0].line == 1


def test_classes_of_the_script_can_be_pickled_and_inspected(scripts: Scripts) -> None:
    same_as_python(
        scripts,
        """
        import inspect, pickle
        class Point:
            x = 1
        print(pickle.loads(pickle.dumps(Point())).x, inspect.getsource(Point), inspect.getfile(Point) == __file__)
        """,
    )


def test_sage_is_served_in_the_users_own_python(scripts: Scripts, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys_executable(), "-m", "venv", "--without-pip", str(home)], check=True)
    (next(home.glob("lib/python*/site-packages")) / "only_here.py").write_text("VALUE = 'the package'")
    run = scripts.run(
        "import only_here, sage.core.api.local_environment as module\nprint(only_here.VALUE, module.__name__)",
        python=str(home / "bin" / "python"),
    )
    assert (run.stdout, run.stderr) == ("the package sage.core.api.local_environment\n", "")


def sys_executable() -> str:
    import sys

    return sys.executable


PATCHES = {
    "json": "json.dumps = json.loads = refuse",
    "os.write": "os.write = refuse",
    "clocks": "time.monotonic = time.perf_counter = time.sleep = refuse",
    "queues": "queue.Queue = queue.SimpleQueue = refuse",
    "open": "builtins.open = refuse",
    "garbage collection": "gc.disable()",
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES.keys())
def test_what_a_script_puts_in_the_place_of_the_standard_librarys_is_its_own_affair(
    scripts: Scripts, patch: str
) -> None:
    run = scripts.run(f"""
        import builtins, gc, json, os, queue, time
        from sage.core.api.function.map_function import MapFunction
        from sage.core.api.function.sink_function import SinkFunction
        from sage.core.api.local_environment import LocalEnvironment

        def refuse(*args, **kwargs):
            raise RuntimeError("patched")

        class Service:
            def process(self, value):
                if value == 3:
                    raise ValueError(value)
                return value

        class Ask(MapFunction):
            def execute(self, value):
                return self.call_service["svc"].process(value)

        class Out(SinkFunction):
            def execute(self, value):
                print("got", value)

        env = LocalEnvironment("patched")
        env.register_service("svc", Service)
        env.from_batch([1, 2, 3, 4]).map(Ask).sink(Out)
        {patch}
        env.submit(autostop=True)
        """)
    assert run.status == 0
    assert [line for line in run.stdout.splitlines() if line.startswith("got")] == ["got 1", "got 2", "got 4"]
    assert sorted(failure.kind for failure in run.failures) == ["operator", "service"]
