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
    WANTED = 8
    REACTION = 9
    LATENESS = 10


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
    FAN_LOCKED = 19  # the local fan must not be started; `area` is the lock's area, `reason` its name
    FAN_FREE = 20
    CALIBRATION = 21  # a person calibrates one point; value = minutes
    CALIBRATION_OVER = 22
    BYPASS = 23  # a person excuses one lost point; value = minutes
    BYPASS_OVER = 24
    ACT_REFUSED = 25  # a person asked for a calibration, a bypass or a fan's release and did not get it
    POINT_LOST = 26  # a point that takes no power away, or is bypassed, proves nothing any more
    POINT_BACK = 27
    DEVIATION_OVER = 28  # a looser number has expired: the statute's holds again
    SECOND_CUT = 29  # the load side stayed live: the second outputs open as well
    TEST_BEGUN = 30  # a proof test; value = days since the last one
    TEST_DONE = 31  # value = milliseconds from the deciding reading to the open contact
    TEST_FAILED = 32
    TEST_OVERDUE = 33


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
    FROZEN = 9  # it does not move although its neighbours do
    JUMP = 10  # it changed faster than the quantity can
    APART = 11  # two sensors of one place say different things
    CALIBRATION = 12
    RISE = 13  # it rises too fast
    FEED = 14  # the load side stayed live
    GAS = 15  # the local fan stands in gas
    TEST = 16


class Verb(IntEnum):
    """What a person may ask for. There is no verb that permits power without a healthy judgement."""

    RESET = 1
    CUT = 2
    CALIBRATE = 3  # `area` names the point, `minutes` how long
    BYPASS = 4
    END = 5  # ends what runs on a point
    FREE_FAN = 6  # `area` names the fan lock
    TEST = 7  # begins the proof test of an area or a fan lock
    CALIBRATED = 8  # a calibration was done with gas at the place: `area` names the point


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
    rule: str = ""  # the library's key, or "" for a rule that the site wrote itself


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
    minutes: int = 0


class Answer(NamedTuple):
    """interlock -> a person. `done` 1 or 0, and why in words."""

    done: int
    text: str


class Wanted(NamedTuple):
    """interlock -> field, once for each introduced point that it judges. Nothing else needs to be sent."""

    number: int


class Reaction(NamedTuple):
    """interlock -> link, once a second per path that has cut: how long it took from the deciding reading, whole on its
    line, to the open contact as read back.

    A path is an output and the point that decided, "" for a silence, a fault or a person. `counts` are the buckets of
    reaction.py, 12 unsigned 32-bit numbers, little-endian.
    """

    output: str
    point: str
    worst_ms: int
    counts: bytes


class Lateness(NamedTuple):
    """interlock -> link, once a second: how late its ticks were since the start; `counts` as those of Reaction."""

    worst_ms: int
    counts: bytes


Record = PointName | Reading | Verdict | AreaState | Resume | Command | Answer | Wanted | Reaction | Lateness

_READING = struct.Struct("<BHHIId")
_RULES = 8
_COUNTS = 48
_FORMS: dict[Kind, tuple[type, struct.Struct]] = {
    Kind.POINT_NAME: (PointName, struct.Struct(f"<BH{NAME_BYTES}s{UNIT_BYTES}s")),
    Kind.READING: (Reading, _READING),
    Kind.VERDICT: (
        Verdict,
        struct.Struct(f"<BIIBBI{NAME_BYTES}s{NAME_BYTES}sdd{NAME_BYTES}s{TEXT_BYTES}s{_RULES}s{NAME_BYTES}s"),
    ),
    Kind.AREA_STATE: (
        AreaState,
        struct.Struct(f"<B{NAME_BYTES}sBBB{NAME_BYTES}sddIHBHB{_RULES}s"),
    ),
    Kind.RESUME: (Resume, struct.Struct("<BII")),
    Kind.COMMAND: (Command, struct.Struct(f"<BB{NAME_BYTES}s{NAME_BYTES}s{TEXT_BYTES}sH")),
    Kind.ANSWER: (Answer, struct.Struct(f"<BB{TEXT_BYTES}s")),
    Kind.WANTED: (Wanted, struct.Struct("<BH")),
    Kind.REACTION: (Reaction, struct.Struct(f"<B{NAME_BYTES}s{NAME_BYTES}sI{_COUNTS}s")),
    Kind.LATENESS: (Lateness, struct.Struct(f"<BI{_COUNTS}s")),
}
_KIND_OF = {form: kind for kind, (form, _) in _FORMS.items()}
_WIDTHS = {"unit": UNIT_BYTES, "reason": TEXT_BYTES, "text": TEXT_BYTES}  # every other text is a name
_TEXT_FIELDS = frozenset(("name", "unit", "area", "point", "by", "reason", "text", "rule", "output"))
RECORD_BYTES_MAX = max(packing.size for _, packing in _FORMS.values())


def pack(record: Record) -> bytes:
    """The record's bytes. A longer text is cut at a whole character; struct.error if a number does not fit."""
    if type(record) is Reading:  # by far the most frequent one, and numbers only
        return _READING.pack(Kind.READING, *record)
    kind = _KIND_OF[type(record)]
    packing = _FORMS[kind][1]
    named = zip(record._fields, record, strict=True)
    return packing.pack(kind, *(_cut(name, value) if isinstance(value, str) else value for name, value in named))


def unpack(data: bytes) -> Record:
    """The record in `data`. Raises Refused unless kind, length and texts are exactly right."""
    if len(data) == _READING.size and data[0] == Kind.READING:
        return Reading._make(_READING.unpack(data)[1:])
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
