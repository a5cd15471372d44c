"""Many frames with one system call: recvmmsg(2) into buffers that are made once.

The struct layouts are the C library's, taken from ctypes for the machine this runs on; the meaning of the bytes is in
can_wire.py. A call per frame costs 2-3 us before the first byte is looked at, which is most of a frame's price.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from minegate_agent.field.can_wire import (
    FD_FRAME_BYTES,
    FRAME_BYTES,
    SFF_MASK,
    SO_TIMESTAMPNS,
    BusError,
    beside,
    frame_of,
)
from minegate_drivers.ports import CanFrame

FRAMES = 128
_BESIDE_BYTES = 64
_MSG_DONTWAIT = 0x40


class _Iovec(ctypes.Structure):
    _fields_ = (("iov_base", ctypes.c_void_p), ("iov_len", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("msg_name", ctypes.c_void_p),
        ("msg_namelen", ctypes.c_uint32),
        ("msg_iov", ctypes.POINTER(_Iovec)),
        ("msg_iovlen", ctypes.c_size_t),
        ("msg_control", ctypes.c_void_p),
        ("msg_controllen", ctypes.c_size_t),
        ("msg_flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("msg_hdr", _Msghdr), ("msg_len", ctypes.c_uint))


class Taken(NamedTuple):
    """One call's worth, in the order of arrival per kind. `dropped` counts since the socket was opened, None: not said.

    `full`: there may be more. `malformed` counts what was no frame.
    """

    frames: list[CanFrame]
    errors: list[BusError]
    dropped: int | None
    malformed: int
    full: bool


_libc = ctypes.CDLL(None, use_errno=True)
_HEADER_BYTES = ctypes.sizeof(_Mmsghdr)
_LENGTH_AT = _Mmsghdr.msg_len.offset
_CONTROL_AT = _Msghdr.msg_controllen.offset
_ULONG = ctypes.sizeof(ctypes.c_size_t)
_SIZE = "Q" if _ULONG == 8 else "I"
_HEADERS = struct.Struct(
    f"={_CONTROL_AT}x{_SIZE}{_LENGTH_AT - _CONTROL_AT - _ULONG}xI{_HEADER_BYTES - _LENGTH_AT - 4}x"
)
_STRUCTS = struct.Struct(f"=IB3x8s{FD_FRAME_BYTES - FRAME_BYTES}x")
_FIRST = struct.calcsize("@Niill")  # struct cmsghdr with a struct timespec: what stands beside nearly every frame
_STAMPS = struct.Struct(f"@Niill{_BESIDE_BYTES - _FIRST}x")
_CMSG_HEAD = struct.Struct("@Nii")


class FrameReader:
    """The buffers of one socket."""

    def __init__(self) -> None:
        self._data = bytearray(FRAMES * FD_FRAME_BYTES)
        self._control = bytearray(FRAMES * _BESIDE_BYTES)
        data = ctypes.addressof((ctypes.c_char * len(self._data)).from_buffer(self._data))
        control = ctypes.addressof((ctypes.c_char * len(self._control)).from_buffer(self._control))
        self._iovecs = (_Iovec * FRAMES)()
        self._headers = (_Mmsghdr * FRAMES)()
        for at in range(FRAMES):
            self._iovecs[at].iov_base, self._iovecs[at].iov_len = data + at * FD_FRAME_BYTES, FD_FRAME_BYTES
            header = self._headers[at].msg_hdr
            header.msg_iov, header.msg_iovlen = ctypes.pointer(self._iovecs[at]), 1
            header.msg_control, header.msg_controllen = control + at * _BESIDE_BYTES, _BESIDE_BYTES
        self._fresh = bytes(self._headers)  # the kernel writes lengths over what it was told
        self._view = memoryview(self._headers).cast("B")
        self._address = ctypes.addressof(self._headers)

    def take(self, descriptor: int) -> Taken:
        """What is there, without waiting. Raises BlockingIOError if nothing is, OSError if the socket is broken."""
        self._view[:] = self._fresh
        count = _libc.recvmmsg(descriptor, ctypes.c_void_p(self._address), FRAMES, _MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number == errno.EINTR:
                return Taken([], [], None, 0, True)
            raise OSError(number, os.strerror(number))  # Python makes the right subclass of it
        return self._understood(count)

    def _understood(self, count: int) -> Taken:
        frames: list[CanFrame] = []
        errors: list[BusError] = []
        dropped, malformed = None, 0
        headers = _HEADERS.iter_unpack(self._view[: count * _HEADER_BYTES])
        structs = _STRUCTS.iter_unpack(memoryview(self._data)[: count * FD_FRAME_BYTES])
        stamps = _STAMPS.iter_unpack(memoryview(self._control)[: count * _BESIDE_BYTES])
        for at, ((control, size), (word, length, data), (_, _, kind, seconds, nanoseconds)) in enumerate(
            zip(headers, structs, stamps, strict=True)
        ):
            if control == _FIRST and kind == SO_TIMESTAMPNS:
                stamp_ns = seconds * 1_000_000_000 + nanoseconds
            else:
                stamp_ns, told = beside(self._beside(at, control))
                dropped = dropped if told is None else told
            if size == FRAME_BYTES and word <= SFF_MASK and length <= 8:  # nearly always
                frames.append(CanFrame(word, data[:length], False, False, stamp_ns))
                continue
            try:
                heard = frame_of(bytes(self._data[at * FD_FRAME_BYTES : at * FD_FRAME_BYTES + size]), stamp_ns)
            except ValueError:
                malformed += 1
                continue
            if isinstance(heard, CanFrame):
                frames.append(heard)
            elif heard is not None:
                errors.append(heard)
        return Taken(frames, errors, dropped, malformed, count == FRAMES)

    def _beside(self, at: int, size: int) -> list[tuple[int, int, bytes]]:
        """The control messages of frame `at`, as recvmsg gives them."""
        held = bytes(self._control[at * _BESIDE_BYTES : at * _BESIDE_BYTES + min(size, _BESIDE_BYTES)])
        found = []
        place = 0
        while len(held) - place >= _CMSG_HEAD.size:
            length, level, kind = _CMSG_HEAD.unpack_from(held, place)
            if not _CMSG_HEAD.size <= length <= len(held) - place:
                break
            found.append((level, kind, held[place + _CMSG_HEAD.size : place + length]))
            place += -(-length // _ULONG) * _ULONG
        return found
