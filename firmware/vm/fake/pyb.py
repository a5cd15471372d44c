"""`pyb.CAN` of the STM32 port before 1.28, over the same controller as `machine.CAN` (documentation of `pyb`, 1.29)."""

import machine


class CAN:
    """See MicroPython. The bench lets every frame through the filter that is set."""

    NORMAL = 0
    MASK32 = 2
    STOPPED = 0
    ERROR_ACTIVE = 1
    ERROR_WARNING = 2
    ERROR_PASSIVE = 3
    BUS_OFF = 4

    def __init__(self, bus, mode=NORMAL):
        self._can = machine.CAN(bus)
        self._heard = [0, None, 0, 0]

    def init(self, mode, **settings):
        """See MicroPython."""

    def setfilter(self, bank, mode, fifo, params, **settings):
        """See MicroPython."""
        self._can.set_filters(None)

    def any(self, fifo):
        """Whether a frame waits."""
        return self._can.waiting()

    def recv(self, fifo, into, timeout=5000):
        """[id, extended, remote, filter, memoryview], in the list `into`."""
        if self._can.recv(self._heard) is None:
            raise OSError(110)
        into[0] = self._heard[0]
        into[1] = True
        into[2] = False
        into[4] = self._heard[1]
        return into

    def send(self, data, identifier, timeout=0, extframe=False):
        """OSError while the controller is off the bus."""
        self._can.send(identifier, data)

    def state(self):
        """One of the constants."""
        return self._can.state()

    def restart(self):
        """On the bus again."""
        self._can.restart()
