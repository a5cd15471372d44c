"""A one-shot timer as exact as the kernel: a timerfd in the event loop, or the loop's own timer where there is none.

An event loop on epoll rounds up to a whole millisecond, which is half of the silence between two frames at 115200
baud. os.timerfd_create exists from Python 3.13; before that libc is called directly. timerfd_create(2).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK, TFD_CLOEXEC are the same numbers
_BILLION = 1_000_000_000
_NEVER_S = float("inf")
_EARLY_S = 1e-6  # the kernel is set in whole nanoseconds and may tell that much before


# struct itimerspec: interval (seconds, nanoseconds), then value; time_t and long are C longs
_SPEC = struct.Struct("@llll")


class KernelTimer:
    """Calls `ring` once after `set(seconds)`; a new `set` replaces the one before. OSError: this system has none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "timerfd_create"):
            raise OSError("no timerfd")
        self._settime = libc.timerfd_settime
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._loop = loop
        self._ring = ring
        self._spec = bytearray(_SPEC.size)
        self._spec_at = (ctypes.c_char * _SPEC.size).from_buffer(self._spec)
        self._due_s = _NEVER_S  # when to ring
        self._armed_s = _NEVER_S  # when the kernel will tell
        loop.add_reader(self._fd, self._expired)

    def set(self, seconds: float) -> None:
        """Ring in `seconds`. A later end than the kernel knows already costs nothing: it is seen to when it tells, so
        the time-outs of answers that come in time are no system calls.
        """
        now_s = self._loop.time()
        self._due_s = now_s + seconds
        if not self._armed_s <= self._due_s:
            self._arm(now_s)

    def close(self) -> None:
        """Never ring again. Safe to call twice."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _arm(self, now_s: float) -> None:
        self._armed_s = self._due_s
        whole, part = divmod(int((self._due_s - now_s) * _BILLION), _BILLION)
        _SPEC.pack_into(self._spec, 0, 0, 0, whole, part or 1)  # all zero would disarm it
        self._settime(self._fd, 0, self._spec_at, None)

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set again between the expiry and this call
        now_s = self._loop.time()
        self._armed_s = _NEVER_S
        if self._due_s <= now_s + _EARLY_S:
            self._due_s = _NEVER_S
            self._ring()
        elif self._due_s < _NEVER_S:
            self._arm(now_s)


class LoopTimer:
    """The same, on the loop's own timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """See KernelTimer."""
        self.close()
        self._handle = self._loop.call_later(seconds, self._ring)

    def close(self) -> None:
        """See KernelTimer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def exact_timer(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> KernelTimer | LoopTimer:
    """The best timer that this system has."""
    try:
        return KernelTimer(loop, ring)
    except (OSError, AttributeError):
        return LoopTimer(loop, ring)
