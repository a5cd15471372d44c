"""Lines for whoever reads stderr. They never hold the loop up: what finds no room is dropped and counted.

A full pipe would make `logging` wait, and with it the process that has to cut; it costs 1 MB besides.
"""

from __future__ import annotations

import os
import select

_LINE_BYTES_MAX = 1000


class Told:
    """Says `name LEVEL words` on `descriptor`; None: nobody is there to read. `dropped` counts lines nobody took."""

    def __init__(self, name: str, descriptor: int | None = None) -> None:
        self.dropped = 0
        self.descriptor = descriptor
        self._name = name

    def info(self, words: str, *values: object) -> None:
        """What happened."""
        self._say("INFO", words, values)

    def warning(self, words: str, *values: object) -> None:
        """What somebody should look at."""
        self._say("WARNING", words, values)

    def _say(self, level: str, words: str, values: tuple[object, ...]) -> None:
        if self.descriptor is None:
            return
        text = f"{self._name} {level} {words % values if values else words}"
        line = text.encode("utf-8", "replace").replace(b"\n", b" ")[:_LINE_BYTES_MAX] + b"\n"
        try:
            # a pipe with room for one page takes so short a line whole and at once (pipe(7): PIPE_BUF)
            if not select.select([], [self.descriptor], [], 0)[1]:
                raise BlockingIOError
            os.write(self.descriptor, line)
        except (OSError, ValueError):
            self.dropped += 1


log = Told("interlock")
