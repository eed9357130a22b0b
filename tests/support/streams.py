"""Pipes that stand for standard streams."""

from __future__ import annotations

import os


class Pipe:
    """A pipe whose writing end stands for a standard stream."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def close_reading(self) -> None:
        os.close(self.reading)
        self.reading = -1

    def written(self) -> bytes:
        """Close the writing end and return everything that was written."""
        os.close(self.writing)
        self.writing = -1
        pieces = []
        while piece := os.read(self.reading, 65536):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        for fd in (self.reading, self.writing):
            if fd >= 0:
                os.close(fd)
