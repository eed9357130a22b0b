"""Print lines: `python printing.py LINES RESULT`; the result is the seconds it took."""

import sys
import time
from pathlib import Path

lines = int(sys.argv[1])
began = time.perf_counter()
for number in range(lines):
    print("line", number)
sys.stdout.flush()
Path(sys.argv[2]).write_text(str(time.perf_counter() - began))
