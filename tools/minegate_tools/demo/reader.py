"""Reads messages of the uplink for the demo's account: only what is counted. Written from agent/PAYLOAD.md, and shares
nothing with the code that writes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import msgpack

VERSION = 1


class Unreadable(Exception):  # noqa: N818 - says what the message is
    """Not a message of this format."""


class Item(NamedTuple):
    """One scan as delivered: its number in the journal, and where it came from."""

    sequence: int
    device: int
    part: int
    boot: int
    number: int


class Told(NamedTuple):
    """One event as delivered."""

    sequence: int
    event: dict[str, Any]


def opened(payload: bytes) -> dict[str, Any]:
    """The message's map. Raises Unreadable."""
    try:
        found = msgpack.unpackb(payload)
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if not isinstance(found, dict) or found.get("v") != VERSION:
        raise Unreadable(f"not a map of version {VERSION}")
    return found


def items(message: dict[str, Any]) -> Iterator[Item]:
    """The scans of a `live` or `history` message."""
    first = message["f"]
    for device in message.get("d", ()):
        sequences = accumulate(device["s"], initial=first)
        next(sequences)  # `f` itself is where counting starts, not a scan
        boot, *numbers = device["o"]
        for sequence, number in zip(sequences, accumulate(numbers), strict=True):
            yield Item(sequence, device["n"], device["p"], boot, number)


def told(message: dict[str, Any]) -> Iterator[Told]:
    """The events of an `event` message."""
    for sequence, event in message.get("e", ()):
        yield Told(sequence, event)


def fields_of(birth: dict[str, Any]) -> dict[tuple[int, int], int]:
    """How many values a record of (device, part) has, from a birth message."""
    return {
        (device["number"], part): len(layout["fields"])
        for device in birth.get("devices", ())
        for part, layout in enumerate(device["layouts"])
    }


def names_of(birth: dict[str, Any]) -> dict[int, str]:
    """Device number -> name, from a birth message."""
    return {device["number"]: device["name"] for device in birth.get("devices", ())}
