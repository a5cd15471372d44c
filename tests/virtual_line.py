"""An event loop whose time jumps, and a serial line in it: bytes take their time, devices answer, lie or are silent."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from minegate_agent.clock import ClockQuality
from minegate_drivers.ports import PortLost

Answer = Callable[[bytes, float], tuple[float, bytes] | None]  # request, now in ms -> delay in ms and bytes, or silence


_PIECE_BYTES = 3


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: whoever would wait moves the time on."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that cannot come"
            self.now_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` is virtual."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def in_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` on a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class LoopClock:
    """The loop's time as the agent's clock."""

    def monotonic_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def utc_ms(self) -> int:
        return 1_700_000_000_000 + self.monotonic_ms()

    def quality(self) -> ClockQuality:
        return ClockQuality.SYNCHRONISED


class VirtualLine:
    """See LinePort. `asked` is what was written and when (ms); bytes arrive in pieces, at their time."""

    def __init__(self, answer: Answer, character_ms: float) -> None:
        self.asked: list[tuple[float, bytes]] = []
        self.silences_ms: list[float] = []  # before each request, since the last byte on the wire
        self.lost = ""
        self._answer = answer
        self._character_ms = character_ms
        self._heard = b""
        self._heard_ms = -1000.0
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def now_ms(self) -> float:
        return self._loop.time() * 1000

    def write(self, data: bytes) -> None:
        if self.lost:
            raise PortLost(self.lost)
        now_ms = self.now_ms
        self.silences_ms.append(now_ms - self._heard_ms)
        self.asked.append((now_ms, data))
        spoken = self._answer(data, now_ms)
        if spoken is not None:
            delay_ms, answer = spoken
            self.say(answer, len(data) * self._character_ms + delay_ms)

    def say(self, data: bytes, after_ms: float) -> None:
        """Bytes from outside, beginning after so many milliseconds."""
        for at in range(0, len(data), _PIECE_BYTES):
            piece = data[at : at + _PIECE_BYTES]
            self._loop.call_later((after_ms + (at + len(piece)) * self._character_ms) / 1000, self._arrive, piece)

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        until_s = None if within_s is None else self._loop.time() + within_s
        while len(self._heard) < at_least:
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(until_s):
                    await self._arrived.wait()
            except TimeoutError:
                break
        return self.take()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, self._heard_ms / 1000 + seconds - self._loop.time()))

    def take(self) -> bytes:
        data, self._heard = self._heard, b""
        return data

    def close(self) -> None:
        """Nothing to give back."""

    def _arrive(self, data: bytes) -> None:
        self._heard += data
        self._heard_ms = self.now_ms
        self._arrived.set()
