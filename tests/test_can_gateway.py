"""13-byte frames over TCP: any pieces, any damage, back in step; a converter that goes away is a lost port."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from minegate_agent.config import Port
from minegate_agent.field.can_gateway_text import (
    KEPT_BYTES_MAX,
    SURE_UNITS,
    UNIT_BYTES,
    GatewayStream,
    possible,
    unit_of,
)
from minegate_agent.field.can_port import open_can
from minegate_drivers.ports import BusHealth, CanFrame, PortLost

IDS = ((0x210, False), (0x211, False), (0x287, False), (0x311, False), (0x18FF0102, True))


def frames(chance: random.Random, count: int) -> list[CanFrame]:
    return [CanFrame(number, chance.randbytes(8), wide) for number, wide in chance.choices(IDS, k=count)]


def test_the_unit_is_info_identifier_and_data() -> None:
    assert unit_of(CanFrame(0x287, b"\x48\x00")).hex() == "02" + "00000287" + "4800000000000000"
    assert unit_of(CanFrame(0x18FF0102, b"", extended=True)).hex() == "80" + "18ff0102" + "00" * 8
    with pytest.raises(ValueError, match="9 bytes of data, at most 8"):
        unit_of(CanFrame(1, bytes(9)))


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_any_size_give_the_same_frames(seed: int) -> None:
    chance = random.Random(seed)
    sent = frames(chance, 300)
    text = b"".join(unit_of(frame) for frame in sent)
    bus = BusHealth()
    stream = GatewayStream(IDS, bus)
    got: list[CanFrame] = []
    while text:
        size = chance.choice((1, 5, 12, 13, 14, 100))
        got += stream.feed(text[:size])
        text = text[size:]
    assert (got, bus) == (sent, BusHealth())


@pytest.mark.parametrize("seed", range(30))
def test_after_any_damage_the_stream_is_in_step_again(seed: int) -> None:
    chance = random.Random(seed)
    before, after = frames(chance, 20), frames(chance, 60)
    damage = chance.randbytes(chance.randint(1, 40))
    bus = BusHealth()
    stream = GatewayStream(IDS, bus)
    text = b"".join(map(unit_of, before)) + damage + b"".join(map(unit_of, after))
    got = [frame for at in range(0, len(text), 50) for frame in stream.feed(text[at : at + 50])]
    assert got[:20] == before
    assert got[-(len(after) - 2 * SURE_UNITS - 1) :] == after[2 * SURE_UNITS + 1 :]


def test_remote_and_foreign_frames_are_passed_over_and_nonsense_takes_no_memory() -> None:
    stream = GatewayStream(IDS, BusHealth())
    remote = bytearray(unit_of(CanFrame(0x287, b"")))
    remote[0] |= 0x40
    assert stream.feed(bytes(remote) + unit_of(CanFrame(0x123, b"\x01"))) == []
    for _ in range(50):
        stream.feed(b"\xff" * KEPT_BYTES_MAX)
        assert len(stream._rest) < SURE_UNITS * UNIT_BYTES
    assert not possible(b"\xff" * 13)


async def test_a_converter_is_heard_told_and_missed() -> None:
    far: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda *ends: far.set_result(ends), "127.0.0.1", 0)
    host, number = server.sockets[0].getsockname()
    port = Port(name="body", kind="can", interface="tcp13", channel=f"{host}:{number}")
    bus = await open_can(port, IDS, Path("/"))
    reader, writer = await far
    sent = frames(random.Random(5), 100)
    writer.write(b"".join(map(unit_of, sent)))
    got: list[CanFrame] = []
    while len(got) < len(sent):
        got += await bus.read_batch()
    assert got == sent
    bus.send(sent[0])
    assert await reader.readexactly(UNIT_BYTES) == unit_of(sent[0])
    writer.close()
    with pytest.raises(PortLost, match="port body: closed by the converter"):
        await bus.read_batch()
    bus.close()
    server.close()
    await server.wait_closed()
    with pytest.raises(PortLost, match=r"port body: .*(Connect call failed|refused)"):
        await open_can(port, IDS, Path("/"))


async def test_a_channel_that_is_no_address_is_named() -> None:
    port = Port(name="body", kind="can", interface="tcp13", channel="converter")
    with pytest.raises(PortLost, match="port body: channel 'converter' is not HOST:PORT"):
        await open_can(port, IDS, Path("/"))
