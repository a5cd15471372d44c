"""The interlock's CAN port through the kernel: structs out and in, by another kind of real datagram socket."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator

import pytest

from can_relay import error
from minegate_agent.field import can_wire
from minegate_drivers.ports import CanFrame
from minegate_interlock.can_line import CAN_RAW_ERR_FILTER, SEND_BYTES, STRUCTS_AT_ONCE_MAX, CanLine, open_can, prepare
from minegate_interlock.node_wire import EFF_FLAG, ERR_BUS_OFF, STRUCT, node_filter
from minegate_interlock.world import LineLost
from minegate_wire import can_frames, messages

NODE = 9


@pytest.fixture
def pair() -> Iterator[tuple[CanLine, socket.socket]]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    far.setblocking(False)
    yield CanLine(near, "can1"), far
    near.close()
    far.close()


def test_structs_go_out_one_by_one_and_come_in_until_nothing_waits(pair: tuple[CanLine, socket.socket]) -> None:
    line, far = pair
    structs = [STRUCT.pack(EFF_FLAG | number, 2, b"ab") for number in range(3)]
    line.write(b"".join(structs))
    assert [far.recv(100) for _ in range(3)] == structs
    assert line.read() == b""
    for struct_ in (*structs, b"short", b"x" * 72, error(ERR_BUS_OFF)):
        far.send(struct_)
    assert line.read() == b"".join(structs) + error(ERR_BUS_OFF)


def test_a_flooded_bus_gives_the_tick_its_turn_and_can_be_forgotten(pair: tuple[CanLine, socket.socket]) -> None:
    line, far = pair
    for rounds in range(3):
        fill(far)
        assert 0 < len(line.read()) <= STRUCTS_AT_ONCE_MAX * STRUCT.size
        if rounds == 2:
            line.forget_waiting()
    assert line.read() == b""


def test_a_bus_that_takes_nothing_loses_the_frame_and_not_the_line(pair: tuple[CanLine, socket.socket]) -> None:
    line, far = pair
    frame = STRUCT.pack(EFF_FLAG, 8, b"12345678") * 3
    for _ in range(2000):
        line.write(frame)
    assert 0 < drain(far) < 6000
    line.write(frame)
    assert far.recv(100) == frame[: STRUCT.size]


def fill(far: socket.socket) -> None:
    """Until nothing more fits."""
    try:
        while True:
            far.send(STRUCT.pack(EFF_FLAG, 0, b""))
    except BlockingIOError:
        return


def drain(far: socket.socket) -> int:
    """How many structs waited."""
    waiting = 0
    try:
        while far.recv(100):
            waiting += 1
    except BlockingIOError:
        pass
    return waiting


class Ended:
    """A socket whose every call ends in one error."""

    def __init__(self, number: int) -> None:
        self._error = OSError(number, "said by the kernel")

    def fileno(self) -> int:
        return -1

    def recv(self, size: int, /) -> bytes:
        raise self._error

    def send(self, data: bytes, /) -> int:
        raise self._error

    def close(self) -> None:
        """Nothing to give back."""


def test_an_open_finds_room_behind_a_permit_and_a_dead_bus_keeps_no_row_of_them() -> None:
    """By a socket of another family, which the kernel charges in the same way; a bus that takes nothing."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    far.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    line = CanLine(near, "can1")
    permit = STRUCT.pack(EFF_FLAG | 1, 8, bytes(8)) * 4
    opening = STRUCT.pack(EFF_FLAG | 2, 8, bytes(8)) * 3
    line.write(permit)
    line.write(opening)
    assert drain(far) == 7
    for _ in range(100):
        line.write(permit)
    assert drain(far) <= 4 * 4
    near.close()
    far.close()


def test_a_full_queue_of_the_interface_loses_a_frame_and_one_that_is_down_loses_the_line() -> None:
    CanLine(Ended(errno.ENOBUFS), "can1").write(bytes(16))
    for act in (lambda line: line.write(bytes(16)), CanLine.read, CanLine.forget_waiting):
        with pytest.raises(LineLost, match="can1: said by the kernel"):
            act(CanLine(Ended(errno.ENETDOWN), "can1"))


class Asked:
    """Keeps what a socket is asked for."""

    def __init__(self) -> None:
        self.options: dict[tuple[int, int], int | bytes] = {}

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None:
        self.options[level, option] = value


def test_the_kernel_is_asked_for_the_nodes_own_frames_and_the_state_of_the_bus() -> None:
    asked = Asked()
    prepare(asked, NODE)
    raw = socket.SOL_CAN_RAW
    identifier, mask = struct.unpack("=II", asked.options[raw, socket.CAN_RAW_FILTER])
    kinds = (messages.RELAY_STATE, messages.SESSION, messages.HELLO, messages.READING)
    heard = [can_wire.EFF_FLAG | can_frames.identifier(kind, 0, NODE) for kind in kinds]
    others = [
        can_wire.EFF_FLAG | can_frames.identifier(messages.RELAY_STATE, 0, NODE + 1),
        can_wire.EFF_FLAG | can_frames.identifier(messages.PERMIT, NODE, 0),
        can_frames.identifier(messages.RELAY_STATE, 0, NODE) & can_wire.SFF_MASK,
        heard[0] | can_wire.RTR_FLAG,
    ]
    assert [word & mask == identifier & mask for word in heard] == [True] * len(heard)
    assert [word & mask == identifier & mask for word in others] == [False] * len(others)
    (wanted,) = struct.unpack("=I", asked.options[raw, CAN_RAW_ERR_FILTER])
    words = {name for bit, name in can_wire.ERROR_CLASSES.items() if wanted & bit}
    assert words == {"controller", "bus_off", "restarted"}
    assert asked.options[socket.SOL_SOCKET, socket.SO_SNDBUF] == SEND_BYTES


def test_fields_reader_understands_the_same_structs() -> None:
    identifier = can_frames.identifier(messages.OPEN, NODE, 0)
    packed = STRUCT.pack(EFF_FLAG | identifier, 3, b"abc")
    assert can_wire.frame_of(packed, 0) == CanFrame(identifier, b"abc", extended=True)
    assert can_wire.raw_of(CanFrame(identifier, b"abc", extended=True)) == packed
    told = can_wire.frame_of(error(ERR_BUS_OFF), 0)
    assert isinstance(told, can_wire.BusError)
    assert told.state == "off"
    assert node_filter(NODE)[0] == EFF_FLAG | can_frames.identifier(messages.OPEN, 0, NODE) & (1 << 26) - 1


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(LineLost, match=r"none0: (No such device|this kernel has no CAN)"):
        open_can("none0", NODE)
