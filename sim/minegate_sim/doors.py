"""Ways to a section's lines and buses by TCP on 127.0.0.1: for programs that are not ours.

    --tcp rs485-1=rtu:1502        Modbus RTU frames in TCP, as a device server has it: one more master on the line
    --tcp rs485-1=modbus:1503     Modbus/TCP to the slaves of the line (its faults do not reach there)
    --tcp can-1=socketcand:29536  the socketcand protocol; the bus has the name of the port

0 takes a free port; the numbers stand in `tcp.json` of the folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from minegate_agent.clock import Clock
from minegate_sim.bus.modbus_tcp import ModbusTcp
from minegate_sim.bus.socketcand import Socketcand
from minegate_sim.bus.tcp_end import listening
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.far_end import FarEnd
from minegate_sim.section.wiring import Wiring

KINDS = ("rtu", "modbus", "socketcand")


class Door(NamedTuple):
    """Port `port` of the section by `kind` at TCP port `tcp_port`."""

    port: str
    kind: str
    tcp_port: int


def parse(text: str) -> Door:
    """`PORT=rtu|modbus|socketcand:TCP`. ValueError says what is wrong."""
    port, _, rest = text.partition("=")
    kind, _, number = rest.partition(":")
    if not port or kind not in KINDS or not number.isdecimal() or not int(number) <= 65535:
        raise ValueError(f"tcp {text!r} is not PORT={'|'.join(KINDS)}:TCP with TCP within 0..65535")
    return Door(port, kind, int(number))


@asynccontextmanager
async def opened(doors: Sequence[Door], wiring: Wiring, clock: Clock) -> AsyncIterator[dict[str, int]]:
    """Serve while the block runs; gives the TCP port of each, by `PORT=KIND`. OSError, ValueError."""
    async with AsyncExitStack() as stack:
        found = {}
        for door in doors:
            connect, leave = _way(door, wiring, clock)
            served = listening(door.tcp_port, connect, leave, clock)
            found[f"{door.port}={door.kind}"] = await stack.enter_async_context(served)
        yield found


def _way(
    door: Door, wiring: Wiring, clock: Clock
) -> tuple[Callable[[str], FarEnd], Callable[[str], None]]:  # fmt: skip
    known = wiring.cans if door.kind == "socketcand" else wiring.lines
    if door.port not in known:
        raise ValueError(f"tcp {door.port}={door.kind}: the port is not one of {', '.join(known) or 'none'}")
    if door.kind == "socketcand":
        bus = wiring.cans[door.port]

        def hang_up(name: str) -> None:
            if name in bus.taps:  # it may have left without opening the bus
                bus.detach(name, clock.monotonic_ms())

        return lambda name: Socketcand({door.port: lambda: bus.attach(name, clock.monotonic_ms())}), hang_up
    line = wiring.lines[door.port]
    if door.kind == "rtu":
        return line.attach, line.detach
    units = {device.station: device for device in line.devices if isinstance(device, ModbusSlave)}
    return lambda name: ModbusTcp(units), lambda name: None
