"""What an event of kind `loss` says is gone, sequence by sequence. Pure.

A thinning takes every other reading of each device, so a range alone would say too much: the event carries a bit for
each sequence of its range.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minegate_agent.link.confirmed import Range

FOR_MACHINES = frozenset({"devices", "segment", "gone", "before", "was", "kept"})  # keys that no page shows
_ONES = re.compile("1+")
SEQUENCES_MAX = 1 << 24  # in one event; a segment of the largest size that is allowed has fewer


class BadLedger(ValueError):  # noqa: N818 - says what the event is
    """A loss event that does not say what is lost."""


def bits_of(first: int, last: int, gone: Iterable[int]) -> bytes:
    """Bit `n` (of byte `n // 8`, lowest first) stands for sequence `first + n`; compressed with zlib."""
    bits = bytearray((last - first) // 8 + 1)
    for sequence in gone:
        place = sequence - first
        bits[place >> 3] |= 1 << (place & 7)
    return zlib.compress(bytes(bits))


def mask(event: Mapping[str, Any]) -> tuple[int, int]:
    """The first sequence of a loss event of the journal, and a number whose bit `n` is 1 if `first + n` is declared.

    Raises BadLedger.
    """
    first, last, told = event.get("first"), event.get("last"), event.get("gone")
    if type(first) is not int or type(last) is not int or not 0 < first <= last < first + SEQUENCES_MAX:
        raise BadLedger(f"loss from {first!r} to {last!r}")
    if told is None:
        return first, (1 << last - first + 1) - 1
    return first, int.from_bytes(_bits(first, last, told), "little")


def gone(event: Mapping[str, Any]) -> Iterator[Range]:
    """The same as rising, disjoint ranges of sequences; without bits of any length. Raises BadLedger."""
    first, last = event.get("first"), event.get("last")
    if "gone" in event:
        yield from _runs(*mask(event))
    elif type(first) is int and type(last) is int and 0 < first <= last:
        yield first, last
    else:
        raise BadLedger(f"loss from {first!r} to {last!r}")


def _bits(first: int, last: int, told: object) -> bytes:
    size = (last - first) // 8 + 1
    opened = zlib.decompressobj()
    try:
        bits = opened.decompress(told, size + 1) if isinstance(told, bytes) else b""
    except zlib.error as error:
        raise BadLedger(f"loss from {first} to {last}: {error}") from error
    if len(bits) != size or int.from_bytes(bits, "little") >> (last - first + 1):
        raise BadLedger(f"loss from {first} to {last}: {len(bits)} bytes of bits, {size} expected")
    return bits


def _runs(first: int, bits: int) -> Iterator[Range]:
    """A regular expression finds the ones many times faster than a loop over bits."""
    written = f"{bits:b}"[::-1]
    for run in _ONES.finditer(written):
        yield first + run.start(), first + run.end() - 1
