"""The open ports of the outputs: frames out, bytes in, lost and opened again. Nothing here decides anything."""

from __future__ import annotations

import selectors
from collections.abc import Callable

from minegate_interlock.engine import Engine
from minegate_interlock.output_kinds import AnyOutput, port
from minegate_interlock.told import log
from minegate_interlock.world import Folder, Line, LineLost, World


class OutputLines:
    """One port per output of `engine`, each heard as soon as `selector` says that something came."""

    def __init__(self, engine: Engine, folder: Folder, selector: selectors.BaseSelector, world: World) -> None:
        self._engine = engine
        self._folder = folder
        self._selector = selector
        self._now_ms: Callable[[], int] = world.now_ms
        self._open = world.open_line
        self._lines: dict[str, Line] = {}
        self._trouble: dict[str, str] = {}

    def open_missing(self) -> None:
        """Try every port that is not open."""
        for output in self._engine.rules.every_output():
            if output.name not in self._lines:
                self._open_line(output)

    def send(self) -> None:
        """What the engine has due."""
        for name, frame in self._engine.take_sends():
            line = self._lines.get(name)
            if line is not None:
                try:
                    line.write(frame)
                except LineLost as error:
                    self._lose(name, line, error)

    def hear_all(self) -> None:
        """Look at every port unasked: a level that does not change wakes nobody."""
        for name, line in list(self._lines.items()):
            self._hear(name, line)

    def forget_waiting(self) -> None:
        """Throw away what was said while nobody listened."""
        for name, line in list(self._lines.items()):
            try:
                line.forget_waiting()
            except LineLost as error:
                self._lose(name, line, error)

    def open_contacts(self) -> None:
        """Leaving: what is permitted ends now, not when the lease does."""
        now_ms = self._now_ms()
        for output in self._engine.rules.every_output():
            line = self._lines.get(output.name)
            frame = self._engine.outputs[output.name].send(False, True, now_ms)
            if line is not None:
                try:
                    line.write(frame)
                except LineLost as error:
                    log.warning("output %s: %s", output.name, error)

    def close(self) -> None:
        """Give every port back."""
        for line in self._lines.values():
            line.close()

    def _hear(self, name: str, line: Line) -> None:
        if self._lines.get(name) is not line:  # lost since the selector woke up
            return
        try:
            data = line.read()
        except LineLost as error:
            self._lose(name, line, error)
            return
        self._engine.hear(name, data, self._now_ms())

    def _lose(self, name: str, line: Line, error: LineLost) -> None:
        if self._lines.get(name) is line:
            del self._lines[name]
            self._selector.unregister(line.fd)
            line.close()
            self._engine.line_lost(name, self._now_ms())
            self._tell(name, str(error))

    def _open_line(self, output: AnyOutput) -> None:
        try:
            line = self._open(output, self._folder)
        except LineLost as error:
            self._tell(output.name, str(error))
            return
        self._trouble.pop(output.name, None)
        self._lines[output.name] = line
        self._selector.register(line.fd, selectors.EVENT_READ, lambda: self._hear(output.name, line))
        log.info("output %s: %s is open", output.name, port(output))

    def _tell(self, name: str, text: str) -> None:
        if self._trouble.get(name) != text:
            self._trouble[name] = text
            log.warning("output %s: %s; power stays off, tried again every second", name, text)
