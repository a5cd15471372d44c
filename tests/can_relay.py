"""A relay node on a CAN bus: the firmware's own node and link, behind structs of the kernel or behind an slcan pty."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from minegate_drivers.ports import CanFrame
from minegate_interlock.node_wire import EFF_FLAG, ERR_FLAG, STRUCT
from minegate_node.can_link import CanLink, CanPort
from minegate_node.relay import RelayNode
from minegate_sim.slcan import Slcan, text_of
from minegate_wire.frame import Frame
from relay_cabinet import RelayCabinet

TICKS = (1 << 30) - 1


class BusEnd(CanPort):
    """A controller with a bus that a test fills and empties: (identifier, data) both ways."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.sent: list[tuple[int, bytes]] = []
        self.is_off = False
        self.data = bytearray(8)

    def recv(self) -> bool:
        if not self.waiting or self.is_off:
            return False
        self.identifier, data = self.waiting.popleft()
        self.data[: len(data)] = data
        self.length = len(data)
        return True

    def send(self, identifier: int, buf: bytearray, length: int) -> bool:
        self.sent.append((identifier, bytes(buf[:length])))
        return True

    def off(self) -> bool:
        return self.is_off

    def restart(self) -> None:
        """The test says when it comes back."""


class OnCan:
    """Node and link as firmware/minegate_hal/relay_board.py turns them."""

    def __init__(self, node: RelayNode) -> None:
        self.node = node
        self.bus = BusEnd()
        self._link = CanLink(node.address, self.bus)

    def turn(self, now_ms: int, contact: bool) -> bool:
        """One cycle; whether the coil is energised."""
        self.node.bus_off(self._link.step(now_ms & TICKS))
        for _ in range(4):
            received = self._link.hear()
            if received is None:
                break
            self.node.take(received)
            if self.node.reply_length():
                frame: Frame = self.node.frame
                self._link.send(frame)
        return self.node.step(now_ms & TICKS, contact)


class CanCabinet:
    """As engine_heading.Cabinet, on CAN: what goes in and comes out are the kernel's structs."""

    def __init__(self, address: int) -> None:
        self._on = OnCan(RelayNode(address, 0x1234))
        self.node = self._on.node
        self.bus = self._on.bus
        self.contact = False
        self.held = False
        self.cable = True
        self.answers = True
        self.events = b""  # error frames of the gateway's own controller

    def turn(self, frames: list[bytes], now_ms: int) -> bytes:
        """What it answers."""
        if self.cable:
            self.bus.waiting.extend(frames_of(b"".join(frames)))
        coil = self._on.turn(now_ms, self.contact)
        self.contact = self.contact if self.held else coil
        sent, self.bus.sent = self.bus.sent, []
        events, self.events = self.events, b""
        return events + (structs_of(sent) if self.cable and self.answers else b"")


class SlcanCabinet(RelayCabinet):
    """A relay node on the bus of an slcan adapter, which is the pty. `unplugged`: the bus cable is off the adapter."""

    def __init__(self, path: Path, address: int, boot_nonce: int = 4711) -> None:
        super().__init__(path, address, boot_nonce)
        self.adapter = Slcan(())
        self.unplugged = False
        self._on = OnCan(self._node)

    def reboot(self, boot_nonce: int) -> None:
        with self._lock:
            self._node = RelayNode(self._node.address, boot_nonce)
            self._on = OnCan(self._node)

    def _turn(self, data: bytes, now_ms: int) -> bool:
        self.adapter.arrive(data, 0.0)
        heard, self.adapter.received = self.adapter.received, []
        if not self.unplugged:
            self._on.bus.waiting.extend((frame.id, frame.data) for frame in heard if frame.extended)
        return self._on.turn(now_ms, self.closed)

    def _answer(self) -> bytes:
        said = self.adapter.run(0.0)
        sent, self._on.bus.sent = self._on.bus.sent, []
        if self.unplugged or not self.adapter.opened:
            return said
        return said + b"".join(text_of(CanFrame(identifier, data, True)) for identifier, data in sent)


def structs_of(frames: list[tuple[int, bytes]]) -> bytes:
    """As the kernel hands them out."""
    return b"".join(STRUCT.pack(EFF_FLAG | identifier, len(data), data) for identifier, data in frames)


def frames_of(structs: bytes) -> list[tuple[int, bytes]]:
    """(identifier, data) of each struct that the gateway sends."""
    assert len(structs) % STRUCT.size == 0
    found = []
    for word, length, data in STRUCT.iter_unpack(structs):
        assert word & EFF_FLAG
        found.append((word & ~EFF_FLAG, data[:length]))
    return found


def error(kinds: int, state: int = 0) -> bytes:
    """An error frame of the gateway's own controller."""
    return STRUCT.pack(ERR_FLAG | kinds, 8, bytes((0, state)))
