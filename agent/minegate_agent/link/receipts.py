"""Receipts of the receiving application: what it has stored, told on the topic `receipt`. Until then nothing counts."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import msgpack

from minegate_agent.link.confirmed import Confirmed, Range
from minegate_agent.link.payload import VERSION

AWAITED_MAX = 1000  # ranges on their way; history waits when there are more
RANGES_MAX = 10_000  # in one receipt


class BadReceipt(ValueError):  # noqa: N818 - says what the message is
    """Not a receipt. The text says what does not fit."""


class _Awaited(NamedTuple):
    """`sent` is what of the range was sent; the rest is gone, and a loss event tells of it."""

    due_ms: int
    first: int
    last: int
    sent: tuple[Range, ...]


class Receipts:
    """What the broker took and the receiver has not told of yet. For one consumer, over its connections."""

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._awaited: deque[_Awaited] = deque()
        self._room = asyncio.Event()
        self._room.set()

    def begin(self) -> None:
        """A new connection: what was on its way is sent again."""
        self._awaited.clear()
        self._room.set()

    def expect(self, ranges: list[Range], sent: Iterable[int], now_ms: int) -> None:
        """The broker has taken these, of which the sequences in `sent` (rising) were there to be sent."""
        told = list(sent)
        for first, last in ranges:
            held = _runs(told[bisect_left(told, first) : bisect_right(told, last)])
            self._awaited.append(_Awaited(now_ms + self._timeout_ms, first, last, held))
        if len(self._awaited) > AWAITED_MAX:
            self._room.clear()

    def awaits(self, sequence: int) -> bool:
        """Whether it is on its way."""
        return any(each.first <= sequence <= each.last for each in self._awaited)

    def settle(self, confirmed: Confirmed) -> list[Range]:
        """What is confirmed is no longer awaited. The whole ranges of that: no receipt tells of what was not sent."""
        settled = [each for each in self._awaited if _has(confirmed, each)]
        if settled:
            self._awaited = deque(each for each in self._awaited if not _has(confirmed, each))
        if len(self._awaited) <= AWAITED_MAX:
            self._room.set()
        return [(each.first, each.last) for each in settled]

    def overdue(self, now_ms: int) -> list[Range]:
        """What must be sent again because nobody told of it in time. Settle first."""
        late = []
        while self._awaited and self._awaited[0].due_ms <= now_ms:
            each = self._awaited.popleft()
            late.append((each.first, each.last))
        if len(self._awaited) <= AWAITED_MAX:
            self._room.set()
        return late

    async def room(self) -> None:
        """Wait while too much is on its way."""
        await self._room.wait()


def _has(confirmed: Confirmed, awaited: _Awaited) -> bool:
    return all(confirmed.covers_all(*held) for held in awaited.sent)


def _runs(rising: list[int]) -> tuple[Range, ...]:
    """The same as ranges that do not touch."""
    edges = [at for at in range(1, len(rising)) if rising[at] != rising[at - 1] + 1]
    return tuple((rising[a], rising[b - 1]) for a, b in pairwise([0, *edges, len(rising)])) if rising else ()


def receipt(ranges: list[Range], consumer: str) -> bytes:
    """The message a receiver sends."""
    return bytes(msgpack.packb({"v": VERSION, "consumer": consumer, "ranges": ranges}))


def ranges_in(payload: bytes, consumer: str, durable: int) -> list[Range]:
    """The ranges a receipt for this consumer tells; none if it is for another one. Raises BadReceipt.

    A receipt for what is not yet journaled would move a watermark over records nobody has: refused.
    """
    try:
        told = msgpack.unpackb(payload)
    except (ValueError, msgpack.UnpackException) as error:
        raise BadReceipt(f"{len(payload)} bytes that are not msgpack: {error}") from error
    if not isinstance(told, dict) or told.get("v") != VERSION or not isinstance(told.get("ranges"), list):
        raise BadReceipt(f"not a receipt of version {VERSION}")
    if told.get("consumer", consumer) != consumer:
        return []
    if len(told["ranges"]) > RANGES_MAX:
        raise BadReceipt(f"{len(told['ranges'])} ranges, limit {RANGES_MAX}")
    return [_range(each, durable) for each in told["ranges"]]


def _range(told: object, durable: int) -> Range:
    if not isinstance(told, list) or len(told) != 2 or any(type(end) is not int for end in told):
        raise BadReceipt(f"{str(told)[:60]} is no range")
    first, last = told
    if not 1 <= first <= last <= durable:
        raise BadReceipt(f"range {first} to {last}, the journal ends at {durable}")
    return first, last
