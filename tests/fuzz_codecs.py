"""What a bus does to frames, and every codec as something that can be fed: for tests/test_fuzz_codecs.py."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from minegate_agent.field.can_gateway_text import SURE_UNITS, UNIT_BYTES, GatewayStream, unit_of
from minegate_agent.field.can_slcan_text import LINE_BYTES_MAX, SlcanText, line_of
from minegate_agent.field.can_wire import frame_of, raw_of
from minegate_drivers import dlt645, modbus, modbus_ascii, modbus_rtu, modbus_tcp
from minegate_drivers.capture import parse
from minegate_drivers.catalogue import build
from minegate_drivers.framing import Codec, Framing
from minegate_drivers.j1939_transport import PF_CONNECTION, PF_DATA, SESSIONS_MAX, Transport
from minegate_drivers.ports import BusHealth, CanFrame
from minegate_drivers.sdk import CanDriver, Driver, Nonsense

MISSING_MAX = 2048  # more than any frame that these codecs know
CAPTURES = Path(__file__).parent.parent / "drivers" / "captures"
IDS = ((0x287, False), (0x18FF0102, True))


class Fed(NamedTuple):
    """One codec. `feed` may raise Nonsense; `well` gives good frames; `understood` says that it still knows one."""

    feed: Callable[[bytes], None]
    well: tuple[bytes, ...]
    understood: Callable[[bytes], bool]
    held: Callable[[], int] = lambda: 0  # bytes, or things, that it keeps


def damage(chance: random.Random, well: tuple[bytes, ...]) -> bytes:
    """One piece of what a bus brings: whole, random, cut, merged, changed, too long, repeated."""
    frame = chance.choice(well)
    kind = chance.randrange(9)
    if kind == 0:
        return frame
    if kind == 1:
        return chance.randbytes(chance.randrange(40))
    if kind == 2:
        return frame[: chance.randrange(len(frame) + 1)]
    if kind == 3:
        return frame[chance.randrange(len(frame)) :]
    if kind == 4:
        return frame + chance.choice(well)
    if kind == 5:
        return chance.randbytes(chance.randrange(6)) + frame
    if kind == 6:
        return frame * chance.randrange(2, 5)
    changed = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        if kind == 7:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        else:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _line(missing: Callable[[bytes], int], carried: Callable[[bytes], object], *well: bytes) -> Fed:
    def feed(heard: bytes) -> None:
        assert 0 <= missing(heard) <= MISSING_MAX
        carried(heard)

    def understood(frame: bytes) -> bool:
        feed(frame)
        return missing(frame) == 0

    return Fed(feed, well, understood)


def _modbus() -> dict[str, Fed]:
    pdu, answer = modbus.read(3, 0, 5), b"\x03\x0a" + bytes(range(10))
    rtu, text, tcp = (modbus_rtu.request(9, pdu), modbus_ascii.request(9, pdu), modbus_tcp.request(7, 9, pdu))
    return {
        "modbus rtu": _line(
            lambda heard: modbus_rtu.missing(heard, rtu), lambda heard: modbus_rtu.payload(heard, rtu),
            modbus_rtu.request(9, answer),
        ),
        "modbus ascii": _line(
            lambda heard: modbus_ascii.missing(heard, text), lambda heard: modbus_ascii.payload(heard, text),
            modbus_ascii.request(9, answer),
        ),
        "modbus tcp": _line(
            lambda heard: modbus_tcp.missing(heard, tcp), lambda heard: modbus_tcp.payload(heard, tcp),
            modbus_tcp.request(7, 9, answer),
        ),
    }  # fmt: skip


def _others_on_lines() -> dict[str, Fed]:
    meter = dlt645.read("652022122018", 0x02010100)
    voltage = dlt645.framed("652022122018", 0x91, bytes.fromhex("000101029423"))
    marked = Codec(Framing(head="7e", tail="7e", length=1, check="crc16_modbus", escape="7d:7e=7d5e,7d=7d5d"))
    counted = Codec(Framing(head="aa55", length=2, length_bytes=2, length_order="little", check="sum16"))
    return {
        "dl/t 645": _line(
            dlt645.missing, lambda heard: dlt645.carried(heard, meter), voltage, dlt645.PREAMBLE + voltage
        ),
        "framing with marks": _line(marked.missing, marked.body, marked.build(b"\0\x7e\x7d\1\2\3")),
        "framing with length": _line(counted.missing, counted.body, counted.build(b"\0\0\1\2\3\4\5")),
    }


def _streams() -> dict[str, Fed]:
    frames = [CanFrame(0x287, bytes(range(8))), CanFrame(0x18FF0102, b"\1\2", extended=True)]
    slcan, gateway = SlcanText(IDS, BusHealth()), GatewayStream(IDS, BusHealth())

    def gateway_understood(frame: bytes) -> bool:
        """A stream without marks needs some units in a row to be in step again."""
        return gateway.feed(frame * (2 * SURE_UNITS + 1)) != [] and gateway.feed(frame) != []

    return {
        "slcan": Fed(
            lambda heard: _forget(slcan.feed(heard)), tuple(map(line_of, frames)),
            lambda frame: len(slcan.feed(b"\r" + frame)) >= 1, lambda: len(slcan._rest) - LINE_BYTES_MAX,
        ),
        "gateway": Fed(
            lambda heard: _forget(gateway.feed(heard)), tuple(map(unit_of, frames)), gateway_understood,
            lambda: len(gateway._rest) - SURE_UNITS * UNIT_BYTES,
        ),
        "kernel structs": Fed(_struct, tuple(map(raw_of, frames)), lambda frame: frame_of(frame, 0) is not None),
    }  # fmt: skip


def _struct(heard: bytes) -> None:
    try:
        frame_of(heard, 0)
    except ValueError as error:
        raise Nonsense("length", str(error)) from error


def _transport() -> Fed:
    transport = Transport(own=5)
    announced = b"\x20\x14\x00\x03\xff\x00\xef\x00"
    packets = tuple(bytes((number,)) + bytes(7) for number in (1, 2, 3))
    at = 0

    def feed(heard: bytes) -> None:
        nonlocal at
        at += 1
        form = PF_CONNECTION if heard[:1] in (b"\x20", b"\x10", b"\xff") else PF_DATA
        transport.hear(form, at % 50, 5 if at % 3 else 255, heard[:8], at)
        transport.replies()
        transport.expire(at)

    def understood(_: bytes) -> bool:
        transport.hear(PF_CONNECTION, 99, 255, announced, at)
        return [transport.hear(PF_DATA, 99, 255, packet, at) is not None for packet in packets] == [False, False, True]

    return Fed(feed, (announced, *packets), understood, lambda: len(transport._sessions) - SESSIONS_MAX)


def _can_driver(capture: str) -> Fed:
    """A whole driver, asked and told; identifiers come from the first byte."""
    played = parse((CAPTURES / capture).read_text(encoding="utf-8"), capture)
    driver: Driver = build(played.driver, played.options, CAPTURES)
    assert isinstance(driver, CanDriver)
    identifiers = sorted(driver.can_ids)
    well = [step.heard for step in played.steps if isinstance(step.heard, CanFrame)]
    coded = tuple(
        bytes((identifiers.index((one.id, one.extended)),)) + one.data
        for one in well
        if (one.id, one.extended) in identifiers
    )
    now_ms = 0

    def feed(heard: bytes) -> None:
        nonlocal now_ms
        now_ms += 1
        number, wide = identifiers[(heard[0] if heard else 0) % len(identifiers)]
        driver.say(now_ms)
        found = driver.hear(CanFrame(number, heard[1:65], wide))
        if found is not None:
            driver.layouts[found.part].decode(found.record)

    def understood(frame: bytes) -> bool:
        feed(frame)
        return True

    return Fed(feed, coded, understood)


def _forget(_: object) -> None:
    """A feed has no result."""


def codecs() -> dict[str, Fed]:
    """Every codec, fresh."""
    drivers = {"dbc": "roadheader.cap", "j1939": "engine_j1939.cap", "canopen": "gas_node_canopen.cap"}
    return (
        _modbus() | _others_on_lines() | _streams() | {"j1939 transport": _transport()}
        | {name: _can_driver(capture) for name, capture in drivers.items()}
    )  # fmt: skip
