"""`pyb.CAN` for CPython, as far as the firmware uses it."""

from __future__ import annotations

from typing import Any

import host_world


class CAN:
    """The older interface of the STM32 port."""

    NORMAL = 0
    MASK32 = 2
    STOPPED = 0
    ERROR_ACTIVE = 1
    BUS_OFF = 4

    def __init__(self, bus: int, mode: int) -> None:
        self._bus = host_world.world.bus(bus)

    def init(self, mode: int, *, baudrate: int, sample_point: int, auto_restart: bool) -> None:
        """See MicroPython."""

    def setfilter(self, bank: int, mode: int, fifo: int, params: tuple[int, int], *, extframe: bool) -> None:
        """Nothing is received before this call."""
        self._bus.hears = extframe

    def any(self, fifo: int) -> bool:
        """Whether something waits."""
        return self._bus.hears and bool(self._bus.waiting)

    def recv(self, fifo: int, into: list[Any], *, timeout: int) -> list[Any]:
        """`into` filled with [id, extended, remote, filter, view of the data]."""
        identifier, data, extended, remote = self._bus.waiting.popleft()
        into[:] = [identifier, extended, remote, 0, memoryview(bytearray(data))]
        return into

    def send(self, data: memoryview, id: int, *, timeout: int, extframe: bool) -> None:  # noqa: A002 - as there
        """OSError if all buffers are in use or the bus is off."""
        if self._bus.off or self._bus.full:
            raise OSError(16, "busy")
        assert extframe
        self._bus.sent.append((id, bytes(data)))

    def state(self) -> int:
        """Where the controller is."""
        return self.BUS_OFF if self._bus.off else self.ERROR_ACTIVE

    def restart(self) -> None:
        """Ask to come back; the test decides whether the bus lets it."""
        self._bus.restarts += 1
