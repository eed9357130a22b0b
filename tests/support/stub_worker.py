"""A worker for the session's tests. It speaks the event protocol, and gives the script `w` to speak it by hand."""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


class Stub:
    """What a test's script may say and do."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.run = config["run"]
        self.seq = 0
        self.ignore_stop = False
        self.stopped = threading.Event()
        self.started = threading.Event()
        self.acks: dict[int, threading.Event] = {}
        self.commands: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def raw(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.config["events_fd"], data) :]

    def message(self, type_: str, **fields: Any) -> None:
        self.raw(json.dumps({"type": type_, **fields}).encode() + b"\n")

    def event(self, type_: str, **fields: Any) -> None:
        with self.lock:
            self.seq += 1
            header = {"run": self.run, "t": time.time(), "worker": 0, "seq": self.seq}
            self.message(type_, **header, **fields)

    def say(self, text: str) -> None:
        self.event("output", stream="stdout", text=text, end="\n")

    def submit(self, name: str = "p") -> None:
        operators = [{"id": "Source", "kind": "source"}, {"id": "Sink", "kind": "sink"}]
        edges = [{"id": "e", "source": "Source", "target": "Sink"}]
        self.event("pipeline_submitted", pipeline=name, name=name, operators=operators, edges=edges)
        self.event("run_state", state="running")

    def flush(self, id_: int = 1) -> None:
        self.acks[id_] = threading.Event()
        self.message("flush", id=id_)
        assert self.acks[id_].wait(20)

    def wait_stop(self) -> None:
        self.stopped.wait()

    def read_commands(self) -> None:
        with os.fdopen(self.config["commands_fd"], "rb") as pipe:
            for line in pipe:
                command = json.loads(line)
                self.commands.append(command)
                if command["command"] == "start":
                    self.started.set()
                elif command["command"] == "ack":
                    self.acks[command["id"]].set()
                elif command["command"] == "stop":
                    self.stopped.set()
                    if not self.ignore_stop:
                        os.kill(os.getpid(), signal.SIGINT)
        os._exit(70)


def main() -> None:
    config = json.loads(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    for fd in (config["events_fd"], config["commands_fd"]):
        os.set_inheritable(fd, False)
    stub = Stub(config)
    threading.Thread(target=stub.read_commands, daemon=True).start()
    stub.message("hello", pid=os.getpid(), python=sys.executable)
    stub.started.wait()
    script = Path(config["script"])
    code = compile(script.read_bytes(), str(script), "exec")
    sys.argv = [config["script"], *config["argv"]]
    sys.path.insert(0, str(script.absolute().parent))
    sys.dont_write_bytecode = True
    try:
        exec(code, {"w": stub, "__name__": "__main__", "__file__": config["script"]})
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout.flush()
        stub.message("goodbye")


main()
