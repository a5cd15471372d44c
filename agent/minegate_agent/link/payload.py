"""Journal records as messages of the uplink. Pure; the format is written down in agent/PAYLOAD.md.

Scans keep the bytes as read. What repeats is told once per device, what grows is told as differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgpack

from minegate_agent.link.blocks import columns
from minegate_agent.link.compression import packed
from minegate_agent.link.records import EVENT, SCAN, BadBody, decode_event, decode_scan, utc_ms_of
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan

VERSION: Final = 1
LIVE: Final = "live"
HISTORY: Final = "history"
EVENTS: Final = "event"
BIRTH: Final = "birth"
STATE: Final = "state"
RECEIPT: Final = "receipt"
COMMAND: Final = "command"
STREAMS: Final = (BIRTH, LIVE, EVENTS, HISTORY, STATE)
COLUMNS: Final = "xor"  # before the name of the compression in `c`: the form of link/blocks.py
LIVE_MS: Final = 10_000  # a block whose newest record is younger than this goes out as live


Weights = Mapping[tuple[int, int], int]  # (device, part) -> how many bytes its numbers have


class Outgoing(NamedTuple):
    """One message: its stream, its bytes, and the lowest and highest journal sequence in it."""

    stream: str
    payload: bytes
    first: int
    last: int


def topic(mine: str, gateway: str, stream: str) -> str:
    """Where a stream of a gateway goes."""
    return f"minegate/{VERSION}/{mine}/{gateway}/{stream}"


def messages(
    records: Sequence[Record], birth: str, now_utc_ms: int, weights: Weights | None = None, lane: str = LIVE
) -> list[Outgoing]:
    """At most one event message and one scan message that cover the records; events, which may be alarms, come first.

    `birth`: id of the birth in force for all of them, `weights` what it says of records. `lane`: LIVE or
    HISTORY; what is no longer young is history in any lane. A body that cannot be read becomes an event of kind
    `unreadable` with its bytes, because its sequence must arrive whatever it holds.
    """
    scans: list[tuple[int, Scan]] = []
    events: list[tuple[int, dict[str, object]]] = []
    for record in records:
        try:
            if record.klass == SCAN:
                scans.append((record.sequence, decode_scan(record.body)))
            elif record.klass == EVENT:
                events.append((record.sequence, decode_event(record.body)))
            else:
                raise BadBody(f"class {record.klass} is not known")
        except BadBody as error:
            events.append((record.sequence, _unreadable(record, str(error), now_utc_ms)))
    out = []
    if events:
        out.append(_event_message(events, birth))
    if scans:
        stream = lane if _is_live(records[-1], now_utc_ms) else HISTORY
        out.append(_scan_message(scans, birth, stream, weights or {}))
    return out


def state(birth: str, online: bool, utc_ms: int) -> bytes:
    """The retained word on whether the gateway is connected; as last will with the time of the connection."""
    return _pack({"v": VERSION, "b": birth, "online": online, "utc_ms": utc_ms})


def _pack(message: dict[str, object]) -> bytes:
    return bytes(msgpack.packb(message))


def _is_live(newest: Record, now_utc_ms: int) -> bool:
    utc_ms = utc_ms_of(newest.klass, newest.body)
    return utc_ms is not None and now_utc_ms - utc_ms < LIVE_MS


def _unreadable(record: Record, why: str, now_utc_ms: int) -> dict[str, object]:
    return {
        "kind": "unreadable", "from": "link", "utc_ms": now_utc_ms, "class": record.klass, "error": why,
        "body": record.body,
    }  # fmt: skip


def _event_message(events: list[tuple[int, dict[str, object]]], birth: str) -> Outgoing:
    first, last = events[0][0], events[-1][0]
    body = {"v": VERSION, "b": birth, "f": first, "l": last, "e": [list(told) for told in events]}
    return Outgoing(EVENTS, _pack(body), first, last)


def _scan_message(scans: list[tuple[int, Scan]], birth: str, stream: str, weights: Weights) -> Outgoing:
    first, last = scans[0][0], scans[-1][0]
    groups: dict[tuple[int, int, int, int], list[tuple[int, Scan]]] = {}
    for sequence, scan in scans:
        groups.setdefault((scan.device, scan.part, scan.boot, len(scan.record)), []).append((sequence, scan))
    devices, blocks = [], []
    for (device, part, _, size), group in groups.items():
        weight = weights.get((device, part), 1)
        weight = weight if size % weight == 0 else 1
        devices.append(_device(group, first, weight))
        blocks.append(columns(b"".join(scan.record for _, scan in group), size, weight))
    compression, block = packed(b"".join(blocks))
    form = f"{COLUMNS}+{compression}" if compression else COLUMNS
    body = {"v": VERSION, "b": birth, "f": first, "l": last, "c": form, "d": devices, "r": block}
    return Outgoing(stream, _pack(body), first, last)


def _device(group: list[tuple[int, Scan]], first: int, weight: int) -> dict[str, object]:
    scans = [scan for _, scan in group]
    head = scans[0]
    return {
        "n": head.device,
        "p": head.part,
        "s": _differences([first, *(sequence for sequence, _ in group)])[1:],
        "t": _differences([scan.utc_ms for scan in scans]),
        "m": _differences([scan.mono_ms for scan in scans]),
        "q": _once(scan.quality for scan in scans),
        "k": _once(scan.clock for scan in scans),
        "o": [head.boot, *_differences([scan.number for scan in scans])],
        "z": len(head.record),
        "w": weight,
    }


def _differences(numbers: list[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]


def _once(values: Iterable[int]) -> int | list[int]:
    listed = list(values)
    return listed[0] if len(set(listed)) == 1 else listed
