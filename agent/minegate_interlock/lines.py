"""The records that travel to and from the interlock: fixed size, one per datagram, refused whole if anything is off.

Ages travel, never a time stamp of another process's clock. Texts are UTF-8, padded with zero bytes. Sockets are
`SOCK_SEQPACKET` in the run directory: `points.sock` (field speaks), `verdicts.sock` (interlock speaks after one
RESUME) and `control.sock` (mode 0660; one COMMAND, one ANSWER).
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

NAME_BYTES = 48
UNIT_BYTES = 16
TEXT_BYTES = 160


class Refused(Exception):  # noqa: N818 - says what happened to the record
    """A record that is not one of ours; it is counted and thrown away."""


class Kind(IntEnum):
    """First byte of every record."""

    POINT_NAME = 1
    READING = 2
    VERDICT = 3
    AREA_STATE = 4
    RESUME = 5
    COMMAND = 6
    ANSWER = 7


class What(IntEnum):
    """What a verdict says."""

    STARTED = 1
    ALARM = 2
    ALARM_OVER = 3
    CUT = 4  # a limit was passed
    LOCK = 5  # a limit is not known to be met: silence, nonsense, fault, start
    RESTORABLE = 6  # every cause is gone; a person may reset
    RESET = 7  # a person's act: power is permitted
    RESET_REFUSED = 8
    COMMANDED_CUT = 9
    OUTPUT_OPEN = 10  # contact read back open; value = milliseconds from the deciding reading to the read-back
    OUTPUT_CLOSED = 11
    OUTPUT_LOST = 12
    OUTPUT_BACK = 13
    FEED_MISMATCH = 14
    FEED_AGREES = 15
    RULES_EDITED = 16  # the file on disk differs from the rules in force; restart to apply
    INPUTS_LOST = 17  # the field process went away
    INPUTS_BACK = 18


class Cause(IntEnum):
    """Why power is not permitted."""

    NONE = 0
    START = 1
    LIMIT = 2
    SILENCE = 3
    NONSENSE = 4
    FAULT = 5
    COMMAND = 6
    NEVER_HEARD = 7
    UNIT = 8  # the field process introduced the point with another unit than the rule's


class Verb(IntEnum):
    """What a person may ask for. There is no verb that permits power without a healthy judgement."""

    RESET = 1
    CUT = 2


class Feed(IntEnum):
    """Load-side state as measured."""

    UNKNOWN = 0
    DEAD = 1
    LIVE = 2


class PointName(NamedTuple):
    """field -> interlock, once per point at connection: this number means this name, in this unit."""

    number: int
    name: str
    unit: str


class Reading(NamedTuple):
    """field -> interlock: one decoded value. `quality` as minegate_drivers.sdk.Quality; NaN is allowed and locks."""

    number: int
    quality: int
    age_ms: int
    sequence: int
    value: float


class Verdict(NamedTuple):
    """interlock -> link: one edge. `boot` and `sequence` number without gaps; `rules` is the hash of rules.toml."""

    boot: int
    sequence: int
    what: int
    cause: int
    age_ms: int
    area: str
    point: str
    value: float
    limit: float
    by: str
    reason: str
    rules: bytes


class AreaState(NamedTuple):
    """interlock -> link, once a second per area and at every edge: the state as it stands."""

    area: str
    permitted: int
    restorable: int
    cause: int
    point: str
    value: float
    limit: float
    since_ms: int
    alarms: int
    contact: int  # minegate_wire RELAY_STATE.contact; 255: the output is silent
    lease_left_ms: int
    feed: int
    rules: bytes


class Resume(NamedTuple):
    """link -> interlock: send every verdict after this one; boot 0: all that is kept."""

    boot: int
    sequence: int


class Command(NamedTuple):
    """a person -> interlock."""

    verb: int
    area: str
    by: str
    reason: str


class Answer(NamedTuple):
    """interlock -> a person. `done` 1 or 0, and why in words."""

    done: int
    text: str


Record = PointName | Reading | Verdict | AreaState | Resume | Command | Answer

_RULES = 8
_FORMS: dict[Kind, tuple[type, struct.Struct]] = {
    Kind.POINT_NAME: (PointName, struct.Struct(f"<BH{NAME_BYTES}s{UNIT_BYTES}s")),
    Kind.READING: (Reading, struct.Struct("<BHHIId")),
    Kind.VERDICT: (
        Verdict,
        struct.Struct(f"<BIIBBI{NAME_BYTES}s{NAME_BYTES}sdd{NAME_BYTES}s{TEXT_BYTES}s{_RULES}s"),
    ),
    Kind.AREA_STATE: (
        AreaState,
        struct.Struct(f"<B{NAME_BYTES}sBBB{NAME_BYTES}sddIHBHB{_RULES}s"),
    ),
    Kind.RESUME: (Resume, struct.Struct("<BII")),
    Kind.COMMAND: (Command, struct.Struct(f"<BB{NAME_BYTES}s{NAME_BYTES}s{TEXT_BYTES}s")),
    Kind.ANSWER: (Answer, struct.Struct(f"<BB{TEXT_BYTES}s")),
}
_KIND_OF = {form: kind for kind, (form, _) in _FORMS.items()}
_WIDTHS = {"unit": UNIT_BYTES, "reason": TEXT_BYTES, "text": TEXT_BYTES}  # every other text is a name
_TEXT_FIELDS = frozenset(("name", "unit", "area", "point", "by", "reason", "text"))
RECORD_BYTES_MAX = max(packing.size for _, packing in _FORMS.values())


def pack(record: Record) -> bytes:
    """The record's bytes. A longer text is cut at a whole character; struct.error if a number does not fit."""
    kind = _KIND_OF[type(record)]
    packing = _FORMS[kind][1]
    named = zip(record._fields, record, strict=True)
    return packing.pack(kind, *(_cut(name, value) if isinstance(value, str) else value for name, value in named))


def unpack(data: bytes) -> Record:
    """The record in `data`. Raises Refused unless kind, length and texts are exactly right."""
    try:
        form, packing = _FORMS[Kind(data[0])]
        _, *values = packing.unpack(data)
        texts = [
            value.rstrip(b"\0").decode("utf-8") if name in _TEXT_FIELDS else value
            for name, value in zip(form._fields, values, strict=True)  # type: ignore[attr-defined]  # a NamedTuple class
        ]
        record: Record = form(*texts)
    except (ValueError, IndexError, struct.error) as error:
        raise Refused(str(error)) from error
    return record


def _cut(name: str, text: str) -> bytes:
    width = _WIDTHS.get(name, NAME_BYTES)
    return text.encode("utf-8")[:width].decode("utf-8", "ignore").encode("utf-8")
