"""Harmful output, on purpose or by accident."""

from __future__ import annotations

from faults.catalogue.fault import Fault

_TQDM = """\
import sys, time
try:
    from tqdm import tqdm
except ImportError:
    def tqdm(steps, desc):
        for step in steps:
            yield step
            sys.stderr.write(f"\\r{desc}: {100 * (step + 1) // len(steps)}%|")
            sys.stderr.flush()
for _ in tqdm(range(30), desc="load"): time.sleep(0.01)
print("after")
"""

FAULTS = (
    Fault(
        "escapes",
        "escape sequences: clear, title, clipboard, alternate screen, mouse, cursor, questions to the terminal",
        r"""import sys
print("\x1b[2J\x1b[H\x1b]0;evil title\x07\x1b]52;c;ZXZpbA==\x07\x1b[?1049h\x1b[?1003h\x1b[?25l\x1b[31mred\x1b[0m")
print("\x9b2J \x90q\x9c \x85 \x0e so \x0f si \x05 enq \x1bc reset \x1b[6n where")
sys.stderr.write("\x1b[5n\x1b[c\x1b[?7l err\n")
""",
        like_python=True,
    ),
    Fault(
        "markup",
        "markup of Rich and Textual",
        r"""print("[bold]b[/] [red on blue]x[/] [@click=app.quit]quit[/] [link=http://x]l[/] [/nosuch]")
print("[[ \\[x] :smile:")
""",
        like_python=True,
    ),
    Fault(
        "control",
        "NUL, backspace, tabs and their like",
        'print("a\\0b\\x01\\x7f\\x08c\\td\\x0be\\x0cf")\n',
        like_python=True,
    ),
    Fault(
        "surrogates",
        "lone surrogates, and bytes that are not UTF-8 on the descriptors",
        r"""import os, sys
sys.stderr.write("lone \ud800 \udfff\n")
try:
    print("out \ud800")
except UnicodeEncodeError as error:
    print("refused", error.reason, flush=True)
os.write(1, b"raw \xff\xfe \xed\xa0\x80 end\n")
sys.stdout.buffer.write(b"buffer \xff\xfe\n")
""",
        like_python=True,
    ),
    Fault(
        "unicode",
        "combining marks, wide and right-to-left text, joined emoji, line separators",
        r"""print("e" + "\u0301" * 200 + " Z\u0300 \u202eRTL\u202c")
print("\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627")
print("\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \u200b\u2028\u2029 \ufdfd \ufeff|")
print("\u4e2d" * 300)
print("\u0915\u094d\u0937\u093f \u0e19\u0e35\u0e49 \U0001f1e9\U0001f1ea")
""",
        like_python=True,
    ),
    Fault(
        "mb_10",
        "10 MB without a newline",
        "print('x' * 10_000_000)\nprint('after')\n",
        like_python=True,
        quick=False,
    ),
    Fault(
        "mb_10_raw",
        "10 MB without a newline, written to the descriptor",
        "import os\nrest = memoryview(b'y' * 10_000_000)\n"
        "while rest: rest = rest[os.write(1, rest):]\nprint('\\nafter')\n",
        like_python=True,
    ),
    Fault(
        "empty_lines",
        "a million empty lines in one piece",
        "import sys\nsys.stdout.write('\\n' * 1_000_000)\nprint('after')\n",
        like_python=True,
        quick=False,
    ),
    Fault(
        "empty_prints",
        "a million empty lines, one after the other",
        "for _ in range(1_000_000): print()\nprint('after')\n",
        like_python=True,
        quick=False,
    ),
    Fault("progress_bar", "a progress bar as tqdm draws it", _TQDM, prints="after", says="load: 100%|"),
    Fault(
        "carriage_returns",
        "200,000 carriage returns",
        "import sys\nfor i in range(200_000): sys.stdout.write(f'\\r{i}')\nprint('\\nafter')\n",
        like_python=True,
        quick=False,
    ),
)
