"""`input()` and `sys.stdin`: asked over the pipe, or inherited."""

from __future__ import annotations

import os

from support.workers import Scripts

from sage_runtime.events import Input, InputRequested, Output


def test_input_asks_with_its_prompt_and_gets_the_line(scripts: Scripts) -> None:
    run = scripts.start("print('hello'); print('you are', input('name? '))", ask_input=True)
    asked = run.wait_for(InputRequested)
    assert asked.prompt == "name? "
    assert "".join(event.text + event.end for event in run.of(Output) if event.seq < asked.seq) == "hello\nname? "
    run.send(Input(line="Ada"))
    assert run.end().stdout == "hello\nname? you are Ada\n"


def test_end_of_file_raises(scripts: Scripts) -> None:
    run = scripts.start("try: input()\nexcept EOFError: print('no more')", ask_input=True)
    run.wait_for(InputRequested)
    run.send(Input(line=None))
    assert run.end().stdout == "no more\n"


def test_answers_may_come_early_and_lines_may_be_read_in_any_way(scripts: Scripts) -> None:
    run = scripts.start(
        """
        import sys
        print(repr(sys.stdin.readline()), repr(sys.stdin.read(2)), repr(sys.stdin.readline()))
        print(repr(sys.stdin.buffer.readline()))
        for line in sys.stdin: print(repr(line))
        """,
        ask_input=True,
        start=True,
    )
    for line in ("one", "two", "drei ä", "four", "five", None):
        run.send(Input(line=line))
    assert run.end().stdout.splitlines() == [
        r"'one\n' 'tw' 'o\n'", r"b'drei \xc3\xa4\n'", r"'four\n'", r"'five\n'",
    ]  # fmt: skip


def test_a_prompt_without_a_question_reaches_the_screen_at_once(scripts: Scripts) -> None:
    reading, writing = os.pipe()
    try:
        run = scripts.start("print('you are', input('name? '))", stdin=reading)
        run.wait_for_output("name? ")
        os.write(writing, b"Ada\n")
        assert run.end().stdout == "name? you are Ada\n"
        assert run.of(InputRequested) == []
    finally:
        os.close(reading)
        os.close(writing)
