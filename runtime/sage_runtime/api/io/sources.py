"""The sources of SAGE's libraries that read files and sockets."""

from __future__ import annotations

import csv
import json
import socket
import time
from pathlib import Path
from typing import Any

from sage_runtime.api.functions import SourceFunction

_AT_END_S = 2.0
"""How long a `FileSource` waits at the end of its file before it looks for more, in seconds."""


class FileSource(SourceFunction):
    """The lines of `config["data_path"]` (relative to the current folder), stripped, one at a time.

    With `config["loop_reading"]` it starts again at the end, else it waits there for lines that somebody appends; it
    ends only when the pipeline is stopped.
    """

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if config is None:
            raise ValueError("FileSource needs a config with data_path")
        self.config = config
        self.data_path = self.resolve_data_path(config["data_path"])
        self.loop_reading = config.get("loop_reading", False)
        self.file_pos = 0
        self._look_again = 0.0

    def resolve_data_path(self, path: str | Path) -> Path:
        """The absolute path of a file in the current folder."""
        return Path.cwd() / path

    def execute(self) -> str | None:
        """The next line, or `None` when there is none yet."""
        if time.monotonic() < self._look_again:
            return None
        with self.data_path.open(encoding="utf-8") as file:
            file.seek(self.file_pos)
            line = file.readline()
            if not line and self.loop_reading and self.file_pos:
                file.seek(0)
                line = file.readline()
            self.file_pos = file.tell()
        if line:
            return line.strip()
        self._look_again = time.monotonic() + _AT_END_S
        return None


class _WholeFileSource(SourceFunction):
    """Reads `config["file_path"]` (with `config["encoding"]`, UTF-8 by default) anew for each record, as SAGE does."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if config is None or config.get("file_path") is None:
            raise ValueError(f"{type(self).__name__} needs a config with file_path")
        self.config = config
        self.file_path = config["file_path"]
        self.encoding = config.get("encoding", "utf-8")


class TextFileSource(_WholeFileSource):
    """A text file's content, or its list of lines with `config["read_mode"] == "lines"`."""

    def execute(self, data: Any = None) -> str | list[str]:
        """Read the file."""
        text = Path(self.file_path).read_text(encoding=self.encoding)
        return text.splitlines(keepends=True) if self.config.get("read_mode") == "lines" else text


class JSONFileSource(_WholeFileSource):
    """A JSON file's content."""

    def execute(self, data: Any = None) -> Any:
        """Read the file."""
        return json.loads(Path(self.file_path).read_text(encoding=self.encoding))


class CSVFileSource(_WholeFileSource):
    """A CSV file's rows: dictionaries, or lists with `config["has_header"]` false; `config["delimiter"]` is a comma."""

    def execute(self, data: Any = None) -> list[Any]:
        """Read the file."""
        delimiter = self.config.get("delimiter", ",")
        with Path(self.file_path).open(encoding=self.encoding, newline="") as file:
            if self.config.get("has_header", True):
                return list(csv.DictReader(file, delimiter=delimiter))
            return list(csv.reader(file, delimiter=delimiter))


class SocketSource(SourceFunction):
    r"""Messages from a TCP or UDP socket, cut at `delimiter`.

    `config`: host (127.0.0.1), port (8888), protocol (tcp or udp), reconnect (true), reconnect_interval (5 seconds),
    buffer_size (1024 bytes), timeout (3 seconds), delimiter ("\n"), encoding (utf-8), load_balancing (false: with it,
    `client_id` is sent as a JSON line after connecting). UDP sends an empty datagram first, so that a server answers.
    """

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config or {}
        self.host = self.config.get("host", "127.0.0.1")
        self.port = int(self.config.get("port", 8888))
        self.protocol = str(self.config.get("protocol", "tcp")).lower()
        if self.protocol not in ("tcp", "udp"):
            raise ValueError(f"SocketSource knows the protocols tcp and udp, not {self.protocol!r}")
        self.reconnect = self.config.get("reconnect", True)
        self.reconnect_interval = self.config.get("reconnect_interval", 5)
        self.load_balancing = self.config.get("load_balancing", False)
        self.client_id = self.config.get("client_id", socket.gethostname())
        self.buffer_size = self.config.get("buffer_size", 1024)
        self.timeout = self.config.get("timeout", 3)
        self.encoding = self.config.get("encoding", "utf-8")
        self.delimiter = str(self.config.get("delimiter", "\n")).encode(self.encoding)
        self.buffer = b""
        self.socket: socket.socket | None = None
        self._attempted: float | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a socket to read from."""
        return self.socket is not None

    def execute(self) -> str | None:
        """The next message, or `None` when none came within the time-out."""
        while (message := self._message()) is None:
            if not self._receive():
                return None
        return message

    def close(self) -> None:
        """Close the socket."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _message(self) -> str | None:
        """A whole, non-empty message out of the buffer."""
        while self.delimiter in self.buffer:
            raw, _, self.buffer = self.buffer.partition(self.delimiter)
            message = raw.decode(self.encoding, "replace").strip()
            if message:
                return message
        return None

    def _receive(self) -> bool:
        """Read once more into the buffer; false if nothing came."""
        if self.socket is None and not self._connect():
            return False
        assert self.socket is not None
        try:
            data = self.socket.recv(self.buffer_size)
        except TimeoutError:
            return False
        except OSError as error:
            self.logger.error(f"SocketSource lost {self.host}:{self.port}: {error}")
            data = b""
        if not data and self.protocol == "tcp":
            self.close()
        self.buffer += data
        return bool(data)

    def _connect(self) -> bool:
        now = time.monotonic()
        if self._attempted is not None and (not self.reconnect or now - self._attempted < self.reconnect_interval):
            return False
        self._attempted = now
        kind = socket.SOCK_STREAM if self.protocol == "tcp" else socket.SOCK_DGRAM
        connection = socket.socket(socket.AF_INET, kind)
        connection.settimeout(self.timeout)
        try:
            connection.connect((self.host, self.port))
            if self.load_balancing:
                hello = json.dumps({"action": "register", "client_id": self.client_id})
                connection.sendall(hello.encode(self.encoding) + self.delimiter)
            elif self.protocol == "udp":
                connection.send(b"")
        except OSError as error:
            connection.close()
            self.logger.error(f"SocketSource cannot connect to {self.host}:{self.port}: {error}")
            return False
        self.socket = connection
        return True
