"""A proof test from the first word to its evidence: what is asked, what the contacts did, what it showed, what is next.

The verdicts are the interlock's own, read from its socket beside link; what is printed is what is on record.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from minegate_interlock.lines import (
    RECORD_BYTES_MAX,
    AreaState,
    Command,
    Refused,
    Resume,
    Verdict,
    What,
    pack,
    unpack,
)
from minegate_interlock.rules import REACTION_MAX_MS
from minegate_tools import control
from minegate_tools.control import ANSWER_S, NoAnswer

# a test ends at the latest after the reaction that is allowed and the wait for the load side (timing.feed_check_ms)
FEED_CHECK_MS_MAX = 60_000
END_S = (REACTION_MAX_MS + FEED_CHECK_MS_MAX) / 1000 + ANSWER_S


class NotBegun(Exception):  # noqa: N818 - says what happened
    """The interlock refuses the test. The text says why."""


class Followed:
    """The interlock's verdicts of `run_folder` from now on. Use as a context. Raises NoAnswer."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / "verdicts.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def __enter__(self) -> Followed:
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(str(self._path))
            self._socket.send(pack(Resume(0, 0)))
            self._skip_kept()
        except OSError as error:
            self._socket.close()
            raise NoAnswer(f"{self._path}: {error.strerror or 'nothing is told'}") from error
        except NoAnswer:
            self._socket.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def verdicts(self) -> Iterator[Verdict]:
        """One after the other, as they come. Raises NoAnswer after END_S without any."""
        self._socket.settimeout(END_S)
        while True:
            record = self._next()
            if isinstance(record, Verdict):
                yield record

    def _skip_kept(self) -> None:
        """What happened before: every kept verdict is sent first, and the areas' state behind them."""
        told = False
        while True:
            record = self._next()
            if told and isinstance(record, AreaState):
                return
            told = told or isinstance(record, Verdict)

    def _next(self) -> object:
        try:
            data = self._socket.recv(RECORD_BYTES_MAX + 1)
        except TimeoutError as error:
            raise NoAnswer(f"{self._path}: nothing was told for {self._socket.gettimeout():.0f} s") from error
        if not data:
            raise NoAnswer(f"{self._path}: the interlock went away")
        try:
            return unpack(data)
        except Refused as error:
            raise NoAnswer(f"{self._path}: {error}: another version?") from error


def run(run_folder: Path, command: Command) -> Iterator[tuple[bool | None, str]]:
    """(None, a line for the person) for every step, (whether it was passed, the finding), and what is next. Raises
    NoAnswer, NotBegun.
    """
    with Followed(run_folder) as followed:
        answer = control.ask(run_folder, command)
        if not answer.done:
            raise NotBegun(answer.text)
        yield None, answer.text
        area = ""
        for verdict in followed.verdicts():
            if verdict.what == What.TEST_BEGUN and verdict.point == command.area:
                area = verdict.area
            elif verdict.what in (What.TEST_DONE, What.TEST_FAILED) and verdict.point == command.area:
                yield verdict.what == What.TEST_DONE, verdict.reason
                if area == command.area:
                    yield None, f"next: minegate reset {area} --by NAME, by a person who has seen that it is safe"
                return
            elif verdict.area == area and (line := _step(verdict)):
                yield None, line


def _step(verdict: Verdict) -> str:
    """What an output or the load side did, in words."""
    if verdict.what == What.OUTPUT_OPEN:
        return f"{verdict.point}: contact read back open after {verdict.value:.0f} ms"
    if verdict.what == What.OUTPUT_CLOSED:
        return f"{verdict.point}: contact read back closed"
    if verdict.what in (What.OUTPUT_LOST, What.FEED_MISMATCH):
        return f"{verdict.point}: {verdict.reason}"
    return ""
