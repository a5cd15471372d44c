"""`machine` for CPython, as far as the firmware uses it (MicroPython 1.29, module `machine`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import host_world

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def reset_cause() -> int:
    """Why this boot happened."""
    return host_world.world.cause


def disable_irq() -> int:
    """Nothing interrupts between two looks at the clock."""
    return 0


def enable_irq(state: int) -> None:
    """See `disable_irq`."""


class Pin:
    """A pin by the name or number its board gives it."""

    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, id: str | int, mode: int = -1, pull: int = -1, *, value: int | None = None) -> None:  # noqa: A002 - as there
        self.name = str(id)
        own = host_world.world
        if mode == self.OUT:
            own.outputs.add(self.name)
            own.levels[self.name] = value or 0
        elif pull == self.PULL_UP:
            own.levels.setdefault(self.name, 1)
        else:
            own.levels.setdefault(self.name, 0)

    def value(self, level: int | None = None) -> int | None:
        """The level of the pin, or drive it."""
        own = host_world.world
        if level is None:
            return own.forced.get(self.name, own.levels[self.name])
        assert self.name in own.outputs, f"pin {self.name} is no output"
        own.levels[self.name] = level
        return None

    def irq(self, handler: Callable[[Any], None], trigger: int, hard: bool = False) -> None:
        """Call `handler` at every edge."""
        host_world.world.edges[self.name] = handler


class ADC:
    """An analog input."""

    ATTN_11DB = 3

    def __init__(self, pin: Pin, *, atten: int = 0) -> None:
        self._name = pin.name

    def read_u16(self) -> int:
        """0..65535."""
        return host_world.world.analog[self._name]


class UART:
    """Characters leave one per millisecond, which is 9600 baud."""

    def __init__(
        self,
        id: int,  # noqa: A002 - as there
        baudrate: int,
        *,
        tx: Pin | None = None,
        rx: Pin | None = None,
        rxbuf: int = 256,
        txbuf: int = 256,
        timeout: int = 0,
    ) -> None:
        self._wire = host_world.world.wire(id)

    def any(self) -> int:
        """How many characters wait."""
        while self._wire.hangs:
            host_world.world.pass_ms(1)
        return len(self._wire.waiting)

    def readinto(self, buf: bytearray) -> int | None:
        """How many were put into `buf`, or None."""
        length = min(len(buf), len(self._wire.waiting))
        for at in range(length):
            buf[at] = self._wire.waiting.popleft()
        return length or None

    def write(self, buf: bytes | memoryview) -> int:
        """All of it."""
        self._wire.written += bytes(buf)
        self._wire.leaving += len(buf)
        return len(buf)

    def txdone(self) -> bool:
        """Whether the last character has left."""
        return self._wire.leaving == 0


class WDT:
    """Not fed for `timeout` ms, it ends the program."""

    def __init__(self, *, timeout: int) -> None:
        host_world.world.watchdog_ms = timeout
        self.feed()

    def feed(self) -> None:
        """Alive."""
        host_world.world.fed_ms = host_world.world.now_ms


class CAN:
    """The controller as 1.28 and later have it: nothing is received before `set_filters`."""

    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_BUS_OFF = 4

    def __init__(self, id: int, *, bitrate: int) -> None:  # noqa: A002 - as there
        self._bus = host_world.world.bus(id)

    def set_filters(self, filters: object) -> None:
        """Whatever is asked for: everything."""
        self._bus.hears = True

    def send(self, id: int, data: memoryview, flags: int = 0) -> int | None:  # noqa: A002 - as there
        """The index of a buffer, or None if the queue is full. OSError while off the bus."""
        if self._bus.off:
            raise OSError(5, "bus off")
        if self._bus.full:
            return None
        assert flags & self.FLAG_EXT_ID
        self._bus.sent.append((id, bytes(data)))
        return 0

    def recv(self, into: list[Any]) -> list[Any] | None:
        """`into` filled with [id, view of the data, flags, errors], or None."""
        if not self._bus.hears or not self._bus.waiting:
            return None
        identifier, data, extended, remote = self._bus.waiting.popleft()
        into[:] = [identifier, memoryview(bytearray(data)), self.FLAG_EXT_ID * extended | self.FLAG_RTR * remote, 0]
        return into

    def state(self) -> int:
        """Where the controller is."""
        return self.STATE_BUS_OFF if self._bus.off else self.STATE_ACTIVE

    def restart(self) -> None:
        """Ask to come back; the test decides whether the bus lets it."""
        self._bus.restarts += 1
