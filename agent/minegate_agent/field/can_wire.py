"""What the kernel says on a raw CAN socket: frames, filters, error frames and what comes beside them. No I/O.

Sources: linux/can.h (struct can_frame, struct canfd_frame, identifier flags), linux/can/raw.h (options),
linux/can/error.h (error frames), asm-generic/socket.h (SO_RXQ_OVFL, SO_TIMESTAMPNS). The test compares the numbers
with the headers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from minegate_drivers.ports import CanFrame

EFF_FLAG, RTR_FLAG, ERR_FLAG = 0x80000000, 0x40000000, 0x20000000
EFF_MASK, SFF_MASK = 0x1FFFFFFF, 0x7FF
FRAME_BYTES, FD_FRAME_BYTES = 16, 72
FD_BRS = 1  # sent with the second bit rate
SOL_CAN_RAW = 101
CAN_RAW_FILTER, CAN_RAW_ERR_FILTER, CAN_RAW_FD_FRAMES = 1, 2, 5
FILTERS_MAX = 512  # CAN_RAW_FILTER_MAX
SO_TIMESTAMPNS, SO_RXQ_OVFL = 35, 40

# linux/can/error.h: class of error frame (bits of the identifier) -> word
ERROR_CLASSES = {
    0x001: "tx_timeout",
    0x002: "lost_arbitration",
    0x004: "controller",
    0x008: "protocol",
    0x010: "transceiver",
    0x020: "no_acknowledge",
    0x040: "bus_off",
    0x080: "bus_error",
    0x100: "restarted",
}
ERR_CNT = 0x200
# the second data byte of a `controller` error frame
CRTL_RX_OVERFLOW, CRTL_WARNING, CRTL_PASSIVE, CRTL_ACTIVE = 0x01, 0x04 | 0x08, 0x10 | 0x20, 0x40
# what the port wants to be told; arbitration is lost all day long on a healthy bus
ERROR_MASK = 0x004 | 0x008 | 0x010 | 0x020 | 0x040 | 0x080 | 0x100 | ERR_CNT

_HEAD = struct.Struct("=IB")  # identifier with flags, length; FD flags and padding follow
_HEAD_BYTES = 8
_FILTER = struct.Struct("=II")
_STAMP = struct.Struct("@ll")  # struct timespec
_STAMP_BYTES = _STAMP.size
_COUNT = struct.Struct("=I")

Ancillary = Sequence[tuple[int, int, bytes]]


class BusError(NamedTuple):
    """One error frame: its classes as words, the state that it names ("" if none), error counters if it has them."""

    classes: tuple[str, ...]
    state: str
    overflow: bool
    tx_errors: int | None
    rx_errors: int | None


def frame_of(raw: bytes, stamp_ns: int) -> CanFrame | BusError | None:
    """One struct as read; None if it is a remote frame. ValueError if it is no struct of the kernel's."""
    size = len(raw)
    if size not in (FRAME_BYTES, FD_FRAME_BYTES):
        raise ValueError(f"{size} bytes are neither {FRAME_BYTES} nor {FD_FRAME_BYTES}")
    word, length = _HEAD.unpack_from(raw)
    if length > size - _HEAD_BYTES:
        raise ValueError(f"{length} bytes of data in a frame of {size - _HEAD_BYTES}")
    if word <= SFF_MASK:
        return CanFrame(word, raw[8 : 8 + length], False, size == FD_FRAME_BYTES, stamp_ns)
    if word & ERR_FLAG:
        return _error(word, raw[8:16])
    if word & RTR_FLAG:
        return None
    extended = word >= EFF_FLAG
    number = word & (EFF_MASK if extended else SFF_MASK)
    return CanFrame(number, raw[8 : 8 + length], extended, size == FD_FRAME_BYTES, stamp_ns)


def raw_of(frame: CanFrame) -> bytes:
    """The struct that sends `frame`; FD when it says so. ValueError if its data do not fit."""
    limit = 64 if frame.fd else 8
    if len(frame.data) > limit:
        raise ValueError(f"{len(frame.data)} bytes of data, at most {limit}")
    word = frame.id | (EFF_FLAG if frame.extended else 0)
    head = _HEAD.pack(word, len(frame.data)) + bytes((FD_BRS if frame.fd else 0, 0, 0))
    return head + frame.data.ljust(limit, b"\0")


def filters(can_ids: Iterable[tuple[int, bool]]) -> bytes:
    """The kernel filters that let `can_ids` through and nothing else; more than the kernel takes: all of one width.

    A filter names the EFF and RTR flags in its mask, or a 29-bit frame would pass for an 11-bit one.
    """
    wanted = sorted(set(can_ids))
    if len(wanted) > FILTERS_MAX:
        return b"".join(_FILTER.pack(_flag(wide), EFF_FLAG | RTR_FLAG) for wide in sorted({wide for _, wide in wanted}))
    return b"".join(
        _FILTER.pack(number | _flag(wide), EFF_FLAG | RTR_FLAG | (EFF_MASK if wide else SFF_MASK))
        for number, wide in wanted
    )


def beside(ancillary: Ancillary) -> tuple[int, int | None]:
    """(UTC nanoseconds of the frame, 0: unknown; frames dropped since the socket was opened, None: not said)."""
    stamp_ns, dropped = 0, None
    for _, kind, value in ancillary:
        if kind == SO_TIMESTAMPNS and len(value) >= _STAMP_BYTES:
            seconds, nanoseconds = _STAMP.unpack_from(value)
            stamp_ns = seconds * 1_000_000_000 + nanoseconds
        elif kind == SO_RXQ_OVFL and len(value) >= 4:
            dropped = _COUNT.unpack_from(value)[0]
    return stamp_ns, dropped


def _flag(wide: bool) -> int:
    return EFF_FLAG if wide else 0


def _error(word: int, data: bytes) -> BusError:
    classes = tuple(name for bit, name in ERROR_CLASSES.items() if word & bit)
    state = ""
    if word & 0x004:
        state = "passive" if data[1] & CRTL_PASSIVE else "warning" if data[1] & CRTL_WARNING else state
        state = "active" if data[1] & CRTL_ACTIVE else state
    if word & 0x100:
        state = "active"
    if word & 0x040:
        state = "off"
    counted = bool(word & ERR_CNT)
    overflow = bool(word & 0x004 and data[1] & CRTL_RX_OVERFLOW)
    return BusError(classes, state, overflow, data[6] if counted else None, data[7] if counted else None)
