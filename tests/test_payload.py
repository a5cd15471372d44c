"""What the uplink sends: every record once, bytes as read, and read back to exactly what was journaled."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_agent.link.blocks import columns, joined, weight_of
from minegate_agent.link.compression import CannotUnpack, packed, unpacked
from minegate_agent.link.delivered import DeliveredScan, PayloadError, decode, opened
from minegate_agent.link.payload import LIVE_MS, messages, state, topic
from minegate_agent.link.records import EVENT, SCAN, encode_event, encode_scan
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan

BIRTH = "5f0c3d9a1be27c44"
NOW_MS = 1_772_323_200_000


def scan(number: int, device: int = 1, *, part: int = 0, boot: int = 9, quality: int = 0, clock: int = 1,
         utc_ms: int = NOW_MS, record: bytes = b"\x00\x7d\x00\x01") -> Scan:  # fmt: skip
    return Scan(boot, number, device, part, quality, number % 2**40, utc_ms, clock, record)


def journaled(things: Iterable[Scan | dict[str, object]], first: int = 1) -> list[Record]:
    return [
        Record(at, SCAN, encode_scan(thing)) if isinstance(thing, Scan) else Record(at, EVENT, encode_event(thing))
        for at, thing in enumerate(things, first)
    ]


def told(kind: str) -> dict[str, object]:
    return {"kind": kind, "from": "link", "utc_ms": NOW_MS}


def delivered(records: list[Record]) -> tuple[list[DeliveredScan], dict[int, dict[str, object]]]:
    scans: list[DeliveredScan] = []
    events = {}
    for message in messages(records, BIRTH, NOW_MS):
        delivery = decode(message.payload)
        assert (delivery.birth, delivery.first, delivery.last) == (BIRTH, message.first, message.last)
        scans += delivery.scans
        events |= {row.sequence: row.event for row in delivery.events}
    return scans, events


def as_delivered(sequence: int, one: Scan) -> DeliveredScan:
    return DeliveredScan(
        sequence,
        one.boot,
        one.number,
        one.device,
        one.part,
        one.quality,
        one.utc_ms,
        one.clock,
        one.record,
        one.mono_ms,
    )


scans_drawn = st.builds(
    scan,
    st.integers(1, 2**48 - 1),
    st.integers(1, 4),
    part=st.integers(0, 2),
    boot=st.sampled_from([7, 2**32 - 1]),
    quality=st.integers(0, 511),
    clock=st.integers(0, 2),
    utc_ms=st.integers(0, 2**42),
    record=st.binary(max_size=6),
)
events_drawn = st.builds(told, st.text(max_size=8))


@settings(max_examples=150, deadline=None)
@given(st.lists(scans_drawn | events_drawn, min_size=1, max_size=30), st.integers(1, 2**40))
def test_what_is_read_back_is_what_was_journaled(things: list[Scan | dict[str, object]], first: int) -> None:
    scans, events = delivered(journaled(things, first))
    assert scans == [as_delivered(at, thing) for at, thing in enumerate(things, first) if isinstance(thing, Scan)]
    assert events == {at: thing for at, thing in enumerate(things, first) if not isinstance(thing, Scan)}


def test_a_gap_in_the_journal_is_no_scan() -> None:
    records = journaled([scan(1), scan(2), scan(3), scan(4)])
    scans, _ = delivered([records[0], records[3]])
    assert [(one.sequence, one.number) for one in scans] == [(1, 1), (4, 4)]


@pytest.mark.parametrize(
    ("change", "maps"),
    [
        ({}, 1),
        ({"device": 2}, 2),
        ({"part": 1}, 2),
        ({"boot": 10}, 2),
        ({"record": b"\x00"}, 2),
        ({"quality": 2}, 1),
        ({"clock": 0}, 1),
    ],
)
def test_one_map_tells_one_device_part_boot_and_record_size(change: dict[str, int], maps: int) -> None:
    (message,) = messages(journaled([scan(1), scan(2, **change)]), BIRTH, NOW_MS)  # type: ignore[arg-type]  # one key
    assert len(opened(message.payload)["d"]) == maps


def test_what_all_scans_share_is_told_once() -> None:
    (message,) = messages(journaled([scan(n, quality=2) for n in range(1, 50)]), BIRTH, NOW_MS)
    (device,) = opened(message.payload)["d"]
    assert (device["q"], device["k"]) == (2, 1)


def test_events_go_before_the_scans_of_their_block() -> None:
    block = journaled([scan(1), told("alarm"), scan(2)])
    assert [(one.stream, one.first, one.last) for one in messages(block, BIRTH, NOW_MS)] == [
        ("event", 2, 2),
        ("live", 1, 3),
    ]


@pytest.mark.parametrize(("age_ms", "stream"), [(0, "live"), (LIVE_MS - 1, "live"), (LIVE_MS, "history"), (-5, "live")])
def test_a_block_is_live_while_its_newest_record_is_young(age_ms: int, stream: str) -> None:
    block = journaled([scan(1, utc_ms=0), scan(2, utc_ms=NOW_MS - age_ms)])
    assert [one.stream for one in messages(block, BIRTH, NOW_MS)] == [stream]


@pytest.mark.parametrize("record", [Record(5, SCAN, b"short"), Record(5, EVENT, b"\xc1"), Record(5, 77, b"?")])
def test_a_body_that_cannot_be_read_arrives_as_event_with_its_bytes(record: Record) -> None:
    _, events = delivered([*journaled([scan(1)]), record])
    assert events[5]["kind"] == "unreadable"
    assert (events[5]["class"], events[5]["body"]) == (record.klass, record.body)


def test_records_as_read_are_compressed_when_that_pays() -> None:
    chance = random.Random(1)
    steady = [scan(n, record=struct.pack(">HH", 50 + n % 3, 0)) for n in range(1, 400)]
    noise = [scan(n, record=chance.randbytes(4)) for n in range(1, 400)]
    (small,) = messages(journaled(steady), BIRTH, NOW_MS)
    (large,) = messages(journaled(noise), BIRTH, NOW_MS)
    assert (opened(small.payload)["c"], opened(large.payload)["c"]) == ("xor+zstd", "xor")
    assert len(small.payload) < len(large.payload) / 1.5
    assert [one.record for one in decode(small.payload).scans] == [one.record for one in steady]


def test_a_few_bytes_are_never_compressed() -> None:
    assert packed(b"\0" * 63) == ("", b"\0" * 63)


@pytest.mark.parametrize("zstd", [True, False])
def test_without_zstd_the_columns_are_compressed_with_zlib(zstd: bool) -> None:
    name, block = packed(bytes(4096), zstd)
    assert (name, unpacked(name, block, 4096)) == ("zstd" if zstd else "zlib", bytes(4096))


@given(st.integers(1, 9), st.sampled_from([1, 2, 4, 8]), st.integers(0, 40), st.randoms(use_true_random=False))
def test_columns_give_back_the_records(words: int, weight: int, count: int, chance: random.Random) -> None:
    records = chance.randbytes(words * weight * count)
    told = columns(records, words * weight, weight)
    assert joined(told, words * weight, weight) == records
    assert len(told) == len(records)


@pytest.mark.parametrize(
    ("sizes", "weight"),
    [((), 1), ((2, 2), 2), ((4, 2), 2), ((4, 4, 2, 2), 4), ((2, 1), 1), ((2, 2, 2, 2, 1, 1, 1, 1), 2), ((8,), 8)],
)
def test_the_weight_is_the_size_of_most_numbers_and_divides_the_record(sizes: tuple[int, ...], weight: int) -> None:
    assert weight_of(sum(sizes), [{"type": f">u{size}"} for size in sizes]) == weight


def test_a_random_walk_of_100_registers_costs_at_most_one_and_a_half_bytes_a_value_with_all_of_mqtt() -> None:
    chance = random.Random(20)
    registers = [chance.randrange(500, 30_000) for _ in range(100)]
    walk = []
    for number in range(1, 21):
        registers = [value + chance.randint(-3, 3) for value in registers]
        walk.append(scan(number, utc_ms=NOW_MS + 100 * number, record=struct.pack(">100H", *registers)))
    (message,) = messages(journaled(walk), BIRTH, NOW_MS, {(1, 0): 2})
    # PUBLISH: fixed header and length 4, topic, packet id 2, properties 1 + content type; PUBACK 4 (MQTT 5, 3.3)
    around = 4 + 2 + len(topic("140109000001", "gw-1201", "live")) + 2 + 1 + 3 + len("application/msgpack") + 4
    assert (len(message.payload) + around) / 2000 <= 1.5
    assert [one.record for one in decode(message.payload).scans] == [one.record for one in walk]


@pytest.mark.parametrize(
    ("compression", "block"),
    [
        ("", b"123"),
        ("zstd", b"not a frame"),
        ("zstd", packed(bytes(4096))[1]),
        ("zlib", b"not a stream"),
        ("zlib", packed(bytes(4096), zstd=False)[1]),
        ("lzma", b"1234"),
    ],
)
def test_a_block_that_is_not_what_the_message_says_is_refused(compression: str, block: bytes) -> None:
    with pytest.raises(CannotUnpack):
        unpacked(compression, block, 4)


def altered(**change: object) -> bytes:
    (message,) = messages(journaled([scan(1), scan(2)]), BIRTH, NOW_MS)
    whole = {**opened(message.payload), **change}
    return bytes(msgpack.packb({key: value for key, value in whole.items() if value is not ...}))


def altered_device(**change: object) -> bytes:
    (message,) = messages(journaled([scan(1), scan(2)]), BIRTH, NOW_MS)
    device = {**opened(message.payload)["d"][0], **change}
    return altered(d=[{key: value for key, value in device.items() if value is not ...}])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x93\x01\x02\x03",
        altered(v=2),
        altered(b=...),
        altered(f=...),
        altered(c=[1]),
        altered(c=...),
        altered(c="brotli"),
        altered(c="xor+brotli"),
        altered(c=""),
        altered(r=...),
        altered(r=b""),
        altered(r="text"),
        altered(f=0),
        altered(l=3),
        altered(d=[]),
        altered(d=[1]),
        altered_device(s=[]),
        altered_device(s=[0, 1, 1]),
        altered_device(t=[0]),
        altered_device(q=[0]),
        altered_device(m=[0]),
        altered_device(m=...),
        altered_device(o=[9]),
        altered_device(z=5),
        altered_device(z=-4),
        altered_device(z=10**12),
        altered_device(w=3),
        altered_device(w=0),
        altered_device(w=...),
    ],
)
def test_nonsense_is_refused_whole(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decode(payload)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_bytes_changed_on_the_way_raise_nothing_but_a_refusal(data: st.DataObject) -> None:
    (message,) = messages(journaled([scan(1), scan(2, device=2)]), BIRTH, NOW_MS)
    mangled = bytearray(message.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PayloadError):
        decode(bytes(mangled))


def test_topics_and_state_say_version_mine_and_gateway() -> None:
    assert topic("140109000001", "gw-1201", "live") == "minegate/1/140109000001/gw-1201/live"
    assert opened(state(BIRTH, True, NOW_MS)) == {"v": 1, "b": BIRTH, "online": True, "utc_ms": NOW_MS}
