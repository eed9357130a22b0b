"""Seconds from a save to the first output of the new run, in a session like the dashboard's: `saving.py ROUNDS`."""

import sys
import threading
import time
from pathlib import Path

from sage_runtime.events import Output
from sage_tui.session import Session, SessionOptions

SCRIPT = """\
from sage.core.api.local_environment import LocalEnvironment

VERSION = {version}
environment = LocalEnvironment("saving")
environment.from_source(lambda: VERSION, delay=0.05).map(lambda value: value).print()
environment.submit(autostop=False)
"""


def main():
    script = Path("saving_pipeline.py").absolute()
    script.write_text(SCRIPT.format(version=0))
    heard = threading.Event()
    awaited = 1

    def listen(line, event):
        if isinstance(event, Output) and event.run == awaited and event.source is not None:
            heard.set()

    session = Session(SessionOptions(script=script, root=Path.cwd()))
    session.subscribe(listen)
    session.start()
    try:
        assert heard.wait(20)
        for number in range(1, int(sys.argv[1]) + 1):
            time.sleep(1.0)  # a run that has settled
            heard.clear()
            awaited = number + 1
            began = time.perf_counter()
            script.write_text(SCRIPT.format(version=number))
            assert heard.wait(20)
            print(time.perf_counter() - began, flush=True)
    finally:
        session.close()


main()
