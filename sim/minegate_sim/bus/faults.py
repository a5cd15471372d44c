"""What can be wrong with a bus or one of its devices, as frozen values that a scenario can name.

    {"fault": "slow", "device": "T1-head", "ms": 400}      parse() -> Slow(device="T1-head", ms=400.0)

`begin(fault)` and `end(fault)` of the bus make it so and undo it. Limits are checked when a fault is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Ms = Annotated[float, Meta(ge=0, le=60_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Dead(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="dead"):
    """Without supply: hears nothing, says nothing."""

    device: Name


class Frozen(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="frozen"):
    """Answers on, with the last value for ever."""

    device: Name


class Slow(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="slow"):
    """Begins every answer this much later."""

    device: Name
    ms: Ms


class Garble(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="garble"):
    """This share of its answers has one wrong bit."""

    device: Name
    share: Share = 1.0


class HalfAwake(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="half_awake"):
    """A brown-out: answers some requests, up to `late_ms` late, and stops in the middle of some answers."""

    device: Name
    answers: Share = 0.5
    late_ms: Ms = 200.0
    cut_short: Share = 0.5


class Babble(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="babble"):
    """Talks without being asked: `count` random bytes (RS-485), or frames of `id` (CAN), every `every_ms`."""

    device: Name
    every_ms: Annotated[float, Meta(ge=0.1, le=60_000)] = 20.0
    count: Annotated[int, Meta(ge=1, le=256)] = 16
    id: Annotated[int, Meta(ge=0, le=0x7FF)] = 0


class WrongRate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="wrong_rate"):
    """Set to another baud rate (RS-485) or bit rate (CAN) than the line."""

    device: Name
    rate: Annotated[int, Meta(ge=300, le=1_000_000)]


class BreakInFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="break_in_frame"):
    """After `after_bytes` of each answer holds the line low for `hold_ms`, then goes on."""

    device: Name
    after_bytes: Annotated[int, Meta(ge=1, le=256)] = 3
    hold_ms: Annotated[float, Meta(ge=1, le=10_000)] = 15.0


class Echo(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="echo"):
    """A two-wire adapter whose receiver stays on: the master hears itself."""

    master: Name = "near"


class Cut(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="cut"):
    """The cable is open just before `before`; what lies beyond hears itself only. Empty: right at the gateway."""

    before: Annotated[str, Meta(max_length=64)] = ""


class Noise(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="noise"):
    """Each bit on the line is wrong with this probability."""

    bit_error_rate: Annotated[float, Meta(ge=0, le=0.5)]


class Lossy(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault", tag="lossy"):
    """A CAN adapter that loses this share of the frames it receives, and counts them at best."""

    master: Name = "near"
    share: Share = 0.1


Fault = Dead | Frozen | Slow | Garble | HalfAwake | Babble | WrongRate | BreakInFrame | Echo | Cut | Noise | Lossy
NAMES = (
    "dead", "frozen", "slow", "garble", "half_awake", "babble", "wrong_rate", "break_in_frame", "echo", "cut", "noise",
    "lossy",
)  # fmt: skip


def parse(given: Mapping[str, object]) -> Fault:
    """The fault that `given` names. ValueError says which key is wrong, its value and its limit."""
    try:
        found: Fault = msgspec.convert(given, Fault)
    except msgspec.ValidationError as error:
        raise ValueError(f"fault {dict(given)!r}: {error} (one of {', '.join(NAMES)})") from error
    return found
