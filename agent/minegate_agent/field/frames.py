"""What came after one request, taken apart when it was not simply the answer. Pure.

On a shared pair of wires an answer may be preceded by the echo of the request, by the late answer of a neighbour, by
somebody else's frame, or by a spark. Each is told apart and counted, and the answer is still found behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from minegate_drivers.sdk import Heard, Nonsense

SEARCHED_BYTES_MAX = 512


class Stray(StrEnum):
    """Classes of what is not the answer."""

    ECHOED = "echoed"  # the adapter hears what it says
    LATE = "late"  # the answer of a device that was given up
    FOREIGN = "foreign"  # a whole frame of somebody who was not asked
    DAMAGED = "damaged"  # ours, with a wrong bit or a piece missing
    NOISE = "noise"  # bytes around a good answer that belong to no frame
    BABBLE = "babble"  # the line does not fall silent


class Sorted(NamedTuple):
    """The answer, if there was one, and its length; why not, if there was none; and what lay around it."""

    heard: Heard | None
    nonsense: Nonsense | None
    strays: tuple[Stray, ...]
    answer_bytes: int = 0


FOREIGN_KINDS = frozenset(("foreign", "function"))
ANSWERS_BADLY = frozenset(("exception", "value"))  # a whole frame of the device itself, which says no


def sort_out(
    heard: bytes,
    request: bytes,
    missing: Callable[[bytes], int],
    late: Callable[[bytes], bool],
    understand: Callable[[bytes], Heard],
) -> Sorted:
    """Find the answer to `request` in `heard`. `late`: could these bytes be the answer of the device that missed?"""
    strays: list[Stray] = []
    rest = heard
    if rest.startswith(request) and len(rest) > len(request):
        strays.append(Stray.ECHOED)
        rest = rest[len(request) :]
    elif rest == request:
        return _echo_or_answer(rest, understand)
    first: Nonsense | None = None
    for begin, end in _candidates(rest, missing):
        try:
            answer = understand(rest[begin:end])
        except Nonsense as nonsense:
            if begin == 0 and first is None:
                first = nonsense
            if nonsense.kind in ANSWERS_BADLY:
                return Sorted(None, nonsense, (*strays, *_around(rest[:begin], late, understand)))
            continue
        around = (*_around(rest[:begin], late, understand), *_around(rest[end:], late, understand))
        return Sorted(answer, None, (*strays, *around), end - begin)
    first = first or Nonsense("length", f"{len(rest)} bytes")
    return Sorted(None, first, (*strays, _class(rest, first, late)))


def _echo_or_answer(frame: bytes, understand: Callable[[bytes], Heard]) -> Sorted:
    """The answer to a write repeats the request; anything else that repeats it is an echo."""
    try:
        return Sorted(understand(frame), None, (), len(frame))
    except Nonsense as nonsense:
        return Sorted(None, nonsense, (Stray.ECHOED,))


def _candidates(heard: bytes, missing: Callable[[bytes], int]) -> list[tuple[int, int]]:
    """Where a whole frame of the driver may lie: the whole first, then behind each byte, up to where it is whole."""
    found = [(0, len(heard))]
    for begin in range(min(len(heard), SEARCHED_BYTES_MAX)):
        end = _end(heard, begin, missing)
        if end is not None and (begin, end) != found[0]:
            found.append((begin, end))
    return found


def _end(heard: bytes, begin: int, missing: Callable[[bytes], int]) -> int | None:
    """Where the frame that begins there is whole; None: it is not."""
    end = begin
    while end < len(heard):
        more = missing(heard[begin:end])
        if more <= 0:
            break
        end += more
    whole = begin < end <= len(heard) and missing(heard[begin:end]) == 0
    return end if whole else None


def _around(piece: bytes, late: Callable[[bytes], bool], understand: Callable[[bytes], Heard]) -> tuple[Stray, ...]:
    if not piece:
        return ()
    if late(piece):
        return (Stray.LATE,)
    try:
        understand(piece)
    except Nonsense as nonsense:
        return (Stray.FOREIGN if nonsense.kind in FOREIGN_KINDS else Stray.NOISE,)
    return (Stray.NOISE,)  # a second answer to one question


def _class(frame: bytes, nonsense: Nonsense, late: Callable[[bytes], bool]) -> Stray:
    if late(frame):
        return Stray.LATE
    return Stray.FOREIGN if nonsense.kind in FOREIGN_KINDS else Stray.DAMAGED
