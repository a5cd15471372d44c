"""The kinds of outputs: which keys each has, what it takes for itself, and whether its port is fast enough.

    kind = "node"        a relay of a node on a serial line: device, baud, node
    kind = "can-node"    the same on CAN: interface and channel as in gateway.toml, bitrate, node
    kind = "gpio"        lines of a GPIO chip: chip, line, watchdog_line, watchdog_ms; read_back where it is wired

A node holds its contact by a lease that it counts down itself. A GPIO line has none: it stays as it was last driven
while its process hangs, and nothing but the hardware can know. So its contact has to lie in series with one of a
watchdog relay that opens `watchdog_ms` after `watchdog_line` was last turned over, which the interlock does at every
tick while it permits. No such line, no such output.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minegate_interlock.forms import UnfitError
from minegate_interlock.terms import FanOutput, Output, Timing

NODE, CAN_NODE, GPIO = "node", "can-node", "gpio"
SOCKETCAN, SLCAN = "socketcan", "slcan"
BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
SLCAN_BIT_RATES = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)
NODE_MAX = 253  # on CAN: 254 and 255 mean nobody and everybody in J1939
INTERFACE_BYTES_MAX = 15  # IFNAMSIZ of linux/if.h, without its zero

# kind -> (keys that it needs, keys that it may have)
_KEYS = {
    NODE: (("device", "node"), ("baud", "relay", "key_file")),
    CAN_NODE: (("interface", "channel", "node"), ("bitrate", "baud", "relay", "key_file")),
    GPIO: (("chip", "line", "watchdog_line", "watchdog_ms"), ("read_back", "read_back_closed")),
}
_SLCAN_BAUD = 115_200

# PERMIT 19 bytes and RELAY_STATE 21 on the line, 10 bits each (8N1). A slower line would queue PERMITs that an OPEN
# waits behind, each of them good for another lease. SIGNED_PERMIT takes 27.
_EXCHANGE_BYTES, _SEALED_EXCHANGE_BYTES = 40, 48
# Three segments each way, four with a seal, of 160 bits: 29-bit identifier, 8 bytes, the most that stuffing adds.
_SEGMENT_BITS, _EXCHANGE_SEGMENTS, _SEALED_EXCHANGE_SEGMENTS = 160, 6, 7

_LOOK_MS = 5.0  # how soon a node looks at what it has heard

AnyOutput = Output | FanOutput


def output_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row of one output, checked against its kind. Raises UnfitError."""
    where, kind = f"output {row['name']!r}", row.get("kind", NODE)
    if kind not in _KEYS:
        raise UnfitError(f"{where}: kind = {kind!r} is not one of {', '.join(map(repr, _KEYS))}")
    needed, free = _KEYS[kind]
    for key in needed:
        if key not in row:
            raise UnfitError(f"{where}: key {key!r} of kind {kind!r} is missing{_WHY.get(key, '')}")
    for key in row:
        if key not in (*needed, *free, "name", "kind"):
            raise UnfitError(f"{where}: key {key!r} has no meaning for kind {kind!r}")
    if row.get("interface") == SOCKETCAN and "baud" in row:
        raise UnfitError(f"{where}: baud has no meaning for interface {SOCKETCAN!r}")
    return {"baud": _SLCAN_BAUD, **row} if row.get("interface") == SLCAN else row


_WATCHDOG_WHY = ": a GPIO line has no lease, so a process that hangs would hold it; see output_kinds.py"
_WHY = {"watchdog_line": _WATCHDOG_WHY, "watchdog_ms": _WATCHDOG_WHY}


def fit_output(output: AnyOutput, timing: Timing) -> None:
    """Whether its numbers can be. Raises UnfitError."""
    where = f"output {output.name!r}"
    if output.kind == GPIO:
        _gpio(where, output, timing)
        return
    if output.baud not in BAUD_RATES:
        raise UnfitError(f"{where}: baud = {output.baud} is not one of {BAUD_RATES}")
    if output.kind == CAN_NODE:
        _can(where, output)
    slow = [(f"baud = {output.baud}", _line_ms(output))] if output.device or output.interface == SLCAN else []
    slow += [(f"bitrate = {output.bitrate}", bus_ms(output))] if output.kind == CAN_NODE else []
    for word, exchange_ms in slow:
        if not exchange_ms <= timing.tick_ms:
            raise UnfitError(
                f"{where}: {word}: a frame and its answer take {exchange_ms:.0f} ms, more than"
                f" tick_ms = {timing.tick_ms}: an OPEN would wait behind PERMITs"
            )


def fit_buses(outputs: Iterable[AnyOutput], timing: Timing) -> None:
    """Whether all outputs of each CAN bus find room in one tick. Raises UnfitError."""
    buses: dict[str, list[AnyOutput]] = {}
    for output in outputs:
        if output.interface == SOCKETCAN:
            buses.setdefault(output.channel, []).append(output)
    for channel, own in buses.items():
        exchange_ms = sum(bus_ms(output) for output in own)
        if not exchange_ms <= timing.tick_ms:
            raise UnfitError(
                f"output {own[-1].name!r}: channel = {channel!r}: the frames of its {len(own)} outputs and their"
                f" answers take {exchange_ms:.0f} ms at bitrate = {own[-1].bitrate}, more than"
                f" tick_ms = {timing.tick_ms}: an OPEN would wait behind PERMITs"
            )
        if any(output.bitrate != own[0].bitrate for output in own):
            raise UnfitError(f"output {own[-1].name!r}: channel = {channel!r} is given two bit rates")


def takes(output: AnyOutput) -> tuple[str, ...]:
    """What the output takes for itself alone, in words: no second one may take the same."""
    if output.kind == GPIO:
        lines = (output.line, output.watchdog_line, output.read_back)
        return tuple(f"line {line} of {output.chip}" for line in lines if line >= 0)
    if output.interface == SOCKETCAN:
        return (f"node {output.node} on {output.channel}",)
    return (output.device or output.channel,)


def port(output: AnyOutput) -> str:
    """The port for a person and a log: a device, a CAN interface, a chip."""
    return output.device or output.channel or output.chip


def bus_ms(output: AnyOutput) -> float:
    """The longest that a frame to the node and its answer take on CAN, alone on the bus."""
    many = _SEALED_EXCHANGE_SEGMENTS if output.key_file else _EXCHANGE_SEGMENTS
    return many * _SEGMENT_BITS * 1000 / output.bitrate


def answered_ms(output: AnyOutput) -> float:
    """The longest from a frame to the end of its answer; a GPIO line answers when it is read."""
    if output.kind == GPIO:
        return 0.0
    on_line_ms = _line_ms(output) if output.kind == NODE or output.interface == SLCAN else 0.0
    return _LOOK_MS + on_line_ms + (bus_ms(output) if output.kind == CAN_NODE else 0.0)


def permit_ms(output: AnyOutput) -> float:
    """The longest that one PERMIT takes on its way to the node; a GPIO line has no way."""
    if output.kind == GPIO:
        return 0.0
    if output.kind == NODE:  # 27 of 48 bytes, or 19 of 40
        return _line_ms(output) * (27 / 48 if output.key_file else 19 / 40)
    share = 4 / 7 if output.key_file else 3 / 6  # of the segments
    return share * (bus_ms(output) + (_line_ms(output) if output.interface == SLCAN else 0.0))


def hold_ms(output: AnyOutput, timing: Timing) -> int:
    """How long a contact stays closed by itself after the last word to it."""
    return output.watchdog_ms if output.kind == GPIO else timing.lease_ms


def _line_ms(output: AnyOutput) -> float:
    if output.interface == SLCAN:  # a segment is a line of 27 characters: T, identifier, length, data, CR
        many = _SEALED_EXCHANGE_SEGMENTS if output.key_file else _EXCHANGE_SEGMENTS
        return many * 27 * 10 * 1000 / output.baud
    return (_SEALED_EXCHANGE_BYTES if output.key_file else _EXCHANGE_BYTES) * 10 * 1000 / output.baud


def _can(where: str, output: AnyOutput) -> None:
    if output.interface not in (SOCKETCAN, SLCAN):
        raise UnfitError(f"{where}: interface = {output.interface!r} is not one of {SOCKETCAN}, {SLCAN}")
    if output.node > NODE_MAX:
        raise UnfitError(f"{where}: node = {output.node} is above {NODE_MAX}, the last address on CAN")
    if output.interface == SOCKETCAN and len(output.channel.encode()) > INTERFACE_BYTES_MAX:
        raise UnfitError(f"{where}: channel = {output.channel!r} is no interface: above {INTERFACE_BYTES_MAX} bytes")
    if output.interface == SLCAN and output.bitrate not in SLCAN_BIT_RATES:
        raise UnfitError(f"{where}: bitrate = {output.bitrate} is not one of {SLCAN_BIT_RATES}")


def _gpio(where: str, output: AnyOutput, timing: Timing) -> None:
    """Every sum of times is made with lease_ms, so the watchdog may not hold longer than a lease."""
    if not output.watchdog_ms <= timing.lease_ms:
        raise UnfitError(f"{where}: watchdog_ms = {output.watchdog_ms} is above lease_ms = {timing.lease_ms}")
    if not output.watchdog_ms > 2 * timing.tick_ms:
        raise UnfitError(
            f"{where}: watchdog_ms = {output.watchdog_ms} is not above twice tick_ms = {timing.tick_ms}:"
            " one late tick would cut"
        )
