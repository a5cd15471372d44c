"""The real interlock process, a field side that feeds it, and a reader of its verdicts, for tests."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from heading import AREA, EXAMPLE, GOOD
from minegate_interlock.lines import (
    RECORD_BYTES_MAX,
    Answer,
    AreaState,
    Cause,
    Command,
    PointName,
    Reading,
    Resume,
    Verb,
    Verdict,
    What,
    pack,
    unpack,
)
from minegate_interlock.rules import load

DEADLINE_S = 20.0
REACTION_S = 2.0
NODE = 9


class Field:
    """The field process's side of points.sock: says every point every 100 ms until told to stop."""

    def __init__(self, run: Path, **units: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(str(run / "points.sock"))
        self.values = dict(GOOD)
        known = {limit.point: limit.unit for limit in load(EXAMPLE.read_bytes(), "rules.toml").limits} | units
        for number, point in enumerate(self.values):
            self._socket.send(pack(PointName(number, point, known[point])))
        self._said = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="field")
        self._thread.start()

    def stop(self) -> None:
        """Fall silent; the connection stays."""
        self._ending.set()
        self._thread.join()

    def close(self) -> None:
        """Go away."""
        self.stop()
        self._socket.close()

    def say(self) -> None:
        """Every point, once, now, under the next number."""
        self._said += 1
        for number, value in enumerate(self.values.values()):
            self._socket.send(pack(Reading(number, 0, 5, self._said, value)))

    def _speak(self) -> None:
        while not self._ending.wait(0.1):
            try:
                self.say()
            except (BrokenPipeError, ConnectionResetError):
                return


class Interlock:
    """One running `python -m minegate_interlock` and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / "run"
        self.lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minegate_interlock", str(folder / "rules.toml"), "--run", str(self.run)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reading = threading.Thread(target=self._read_lines, name="stderr")
        self._reading.start()

    def await_line(self, words: str) -> str:
        """The next line of stderr with `words`."""
        until_s = time.perf_counter() + DEADLINE_S
        while True:
            line = self.lines.get(timeout=max(0.0, until_s - time.perf_counter()))
            if words in line:
                return line

    def command(self, verb: Verb, by: str = "Li", area: str = AREA) -> Answer:
        """What a person at control.sock is told."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
            control.settimeout(DEADLINE_S)
            control.connect(str(self.run / "control.sock"))
            control.send(pack(Command(verb, area, by, "test")))
            answer = unpack(control.recv(RECORD_BYTES_MAX + 1))
        assert isinstance(answer, Answer)
        return answer

    def end(self, number: int) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self._reading.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def _read_lines(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line)


class Reader:
    """The link's side of verdicts.sock."""

    def __init__(self, run: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(str(run / "verdicts.sock"))
        self._socket.send(pack(Resume(0, 0)))
        self.verdicts: list[Verdict] = []

    def await_verdict(self, what: What, cause: Cause | None = None) -> Verdict:
        """The next verdict that says `what`."""
        until_s = time.perf_counter() + DEADLINE_S
        while time.perf_counter() < until_s:
            record = unpack(self._socket.recv(RECORD_BYTES_MAX + 1))
            if isinstance(record, Verdict):
                self.verdicts.append(record)
                if record.what == what and cause in (None, record.cause):
                    return record
        raise TimeoutError(f"no {what.name} in {[What(verdict.what).name for verdict in self.verdicts]}")

    def await_state(self) -> AreaState:
        """The next state of the area."""
        while True:
            record = unpack(self._socket.recv(RECORD_BYTES_MAX + 1))
            if isinstance(record, AreaState):
                return record

    def close(self) -> None:
        self._socket.close()
