"""One question and what comes back, on a line where others may speak too. Never longer than the device's time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from minegate_agent.config import Port
from minegate_agent.field.frames import Sorted, Stray, sort_out
from minegate_agent.field.hearing import believed, missing
from minegate_agent.field.place import Place
from minegate_agent.field.wire_time import gap_ms, wire_ms
from minegate_drivers.ports import LinePort
from minegate_drivers.sdk import Heard, LineDriver, Nonsense

ANSWER_BYTES_MAX = 512
BABBLE_BYTES_MAX = 2048
_SILENCE_TRIES = 50
_GO_ON_LISTENING = frozenset((Stray.ECHOED, Stray.LATE, Stray.FOREIGN))
_ECHOES_FOR_SURE = 3
_FRAME_BYTES_MIN = 4  # address, function, two of a sum: nothing shorter says anything


class Answer(NamedTuple):
    """What one exchange has brought. Neither heard nor nonsense: silence. `took_ms` without the wire's own time."""

    heard: Heard | None
    nonsense: Nonsense | None
    delay_ms: float


class Exchange:
    """Questions and answers of one port. `stray` is called for everything that is no answer."""

    def __init__(self, port: Port, stray: Callable[[Stray, int], None]) -> None:
        self._gap_s = gap_ms(port) / 1000
        self._character_s = wire_ms(port, 1) / 1000
        self._stray = stray
        self._missed: LineDriver | None = None  # whose answer may still come
        self.wrote_s = 0.0  # when the last request was written, of the loop's time
        self._echoes = 0
        self._quiet_s = self._gap_s  # what the line owes the device that spoke last

    async def ask(self, line: LinePort, place: Place, driver: LineDriver, request: bytes, wait_ms: float) -> Answer:
        """Ask and hear. `wait_ms` is what the device may take besides the wire. Raises PortLost, DriverError."""
        time = asyncio.get_running_loop().time
        own = driver is place.driver
        expected = place.expects(request) if own else max(1, missing(driver, b""))
        echo = len(request) if self._echoes >= _ECHOES_FOR_SURE else 0
        wire_ms = place.wire_ms(request, expected + echo)
        await line.pause(self._quiet_s)  # as late as possible: everything else is done while the line is silent
        self._quiet_s = place.quiet_s
        before = line.take()
        if before:
            await self._until_silent(line, before)
        begun_s = self.wrote_s = time()
        line.write(request)
        heard = await line.read_some(expected + echo, (wire_ms + wait_ms) / 1000)
        delay_ms = (time() - begun_s) * 1000 - wire_ms
        if echo and heard.startswith(request) and len(heard) > echo:
            heard = heard[echo:]
            self._stray(Stray.ECHOED, echo)
        elif echo:
            self._echoes = 0  # it has ended
        if len(heard) == expected:
            try:
                answer = believed(driver, driver.hear, heard)
            except Nonsense:
                answer = None  # looked at below, with whatever else comes
            if answer is not None:
                self._missed = None
                return Answer(answer, None, delay_ms)
        until_s = begun_s + (wire_ms + wait_ms) / 1000
        found = await self._find(line, driver, request, heard, expected, until_s)
        self._missed = driver if found.heard is None and found.nonsense is None else None
        if found.heard is not None and own:
            place.learns(request, found.answer_bytes)
        return Answer(found.heard, found.nonsense, delay_ms)

    async def _find(
        self, line: LinePort, driver: LineDriver, request: bytes, heard: bytes, expected: int, until_s: float
    ) -> Sorted:
        """The answer among what comes until `until_s`; what is in the air then may still end."""
        last: Nonsense | None = None
        while True:
            heard = await self._whole(line, driver, request, heard, expected, until_s)
            if not heard:
                return Sorted(None, last, ())
            found = self._sort(driver, request, heard)
            if found.heard is None:
                tail = await self._settle(line)
                if tail:
                    heard += tail
                    found = self._sort(driver, request, heard)
            for stray in found.strays:
                self._stray(stray, len(heard))
            self._echoes = self._echoes + 1 if Stray.ECHOED in found.strays else 0
            if found.heard is not None or not _GO_ON_LISTENING.intersection(found.strays):
                return found
            if Stray.ECHOED not in found.strays[-1:]:
                last = found.nonsense
            if len(heard) >= BABBLE_BYTES_MAX:
                return Sorted(None, last, ())
            heard = b""

    def _sort(self, driver: LineDriver, request: bytes, heard: bytes) -> Sorted:
        def understand(frame: bytes) -> Heard:
            answer = believed(driver, driver.hear, frame)
            if answer is None:
                raise Nonsense("format", "no reading")
            return answer

        return sort_out(heard, request, lambda piece: missing(driver, piece), self._is_late, understand)

    async def _whole(
        self, line: LinePort, driver: LineDriver, request: bytes, heard: bytes, expected: int, until_s: float
    ) -> bytes:
        """`heard` and what follows, until the driver has enough or the time is over."""
        time = asyncio.get_running_loop().time
        while len(heard) < ANSWER_BYTES_MAX:
            need = self._need(driver, request, heard, expected)
            if need <= 0:
                break
            # a frame that has begun in time may end: its bytes are on the wire
            left_s = max(until_s - time(), need * self._character_s + self._gap_s if heard else 0.0)
            if left_s <= 0:
                break
            more = await line.read_some(need, left_s)
            if not more:
                break
            heard += more
        return heard

    def _need(self, driver: LineDriver, request: bytes, heard: bytes, expected: int) -> int:
        if not heard:
            return expected
        if heard.startswith(request) and len(heard) > len(request):
            return missing(driver, heard[len(request) :])
        if request.startswith(heard):  # an echo, or an answer that begins alike
            return max(missing(driver, heard), len(request) - len(heard))
        return missing(driver, heard)

    async def _settle(self, line: LinePort) -> bytes:
        """What else comes before the line is silent for a gap: only then is the next frame found again."""
        tail = b""
        while more := await line.read_some(1, self._gap_s):
            tail += more
            if len(tail) >= BABBLE_BYTES_MAX:
                self._stray(Stray.BABBLE, len(tail))
                break
        return tail

    async def _until_silent(self, line: LinePort, before: bytes) -> None:
        """Somebody spoke though nobody was asked: say who, and wait for the silence again, but not for ever."""
        for _ in range(_SILENCE_TRIES):
            await line.pause(self._gap_s)
            more = line.take()
            if not more:
                spoken = Stray.FOREIGN if len(before) >= _FRAME_BYTES_MIN else Stray.NOISE
                self._stray(Stray.LATE if self._is_late(before) else spoken, len(before))
                return
            before = (before + more)[-BABBLE_BYTES_MAX:]
        self._stray(Stray.BABBLE, len(before))

    def _is_late(self, frame: bytes) -> bool:
        """Whether this is what the device that missed should have said."""
        missed = self._missed
        if missed is None:
            return False
        try:
            return missing(missed, frame) == 0 and believed(missed, missed.hear, frame) is not None
        except Nonsense:
            return False
