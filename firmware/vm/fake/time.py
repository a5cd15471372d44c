"""`time` of a board: ticks of 2**30 ms, as on 32-bit boards, from the bench's clock."""

from _bench import sleep, ticks
from utime import *  # noqa: F403  # the rest is the VM's own

_PERIOD = 1 << 30
_HALF = _PERIOD >> 1


def ticks_ms():
    """See MicroPython: milliseconds, wrapping."""
    return ticks()


def ticks_us():
    """See MicroPython; the bench knows whole milliseconds only."""
    return ticks() * 1000 & _PERIOD - 1


def ticks_add(ticks, delta):
    """See MicroPython."""
    return ticks + delta & _PERIOD - 1


def ticks_diff(end, start):
    """See MicroPython: signed, and wrong beyond half the period."""
    return (end - start + _HALF & _PERIOD - 1) - _HALF


def sleep_ms(ms):
    """See MicroPython."""
    sleep(ms)


def sleep_us(us):
    """See MicroPython; the bench waits for whole milliseconds."""
    sleep(us // 1000)
