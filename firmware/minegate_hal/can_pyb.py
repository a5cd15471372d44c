"""The CAN port over `pyb.CAN`, the older interface of the STM32 port, for firmware before 1.28."""

from pyb import CAN

from minegate_node.can_link import CanPort
from minegate_wire.can_frames import SEGMENT_MAX

_FIFO = 0


class PybCan(CanPort):
    """See CanPort."""

    def __init__(self, bus: int, bitrate: int = 250000) -> None:
        self.identifier = 0
        self.length = 0
        self.data = bytearray(SEGMENT_MAX)
        self._can = CAN(bus, CAN.NORMAL)
        self._can.init(CAN.NORMAL, baudrate=bitrate, sample_point=75, auto_restart=False)
        # every 29-bit identifier; which are ours is decided in can_link
        self._can.setfilter(0, CAN.MASK32, _FIFO, (0, 0), extframe=True)  # type: ignore[call-overload]  # the stubs forgot it
        self._heard: list = [0, 0, 0, 0, memoryview(bytearray(SEGMENT_MAX))]
        self._part = bytearray(SEGMENT_MAX)
        view = memoryview(self._part)
        self._views = [view[:length] for length in range(SEGMENT_MAX + 1)]

    def recv(self) -> bool:
        """Take one data frame with a 29-bit identifier; others are passed over."""
        heard = self._heard
        while self._can.any(_FIFO):
            self._can.recv(_FIFO, heard, timeout=0)
            if heard[2] or not heard[1]:
                continue
            part = heard[4]
            self.identifier = heard[0]
            self.length = len(part)
            for at in range(self.length):
                self.data[at] = part[at]
            return True
        return False

    def send(self, identifier: int, buf: bytearray, length: int) -> bool:
        """False if it must be tried again: all three buffers are in use, or the bus is off."""
        for at in range(length):
            self._part[at] = buf[at]
        try:
            self._can.send(self._views[length], identifier, timeout=0, extframe=True)
        except OSError:
            return False
        return True

    def off(self) -> bool:
        """Whether the controller has taken itself off the bus, or was never on it."""
        state = self._can.state()
        return state == CAN.BUS_OFF or state == CAN.STOPPED

    def restart(self) -> None:
        """Ask the controller to come back; it does after 128 idle sequences on the bus."""
        self._can.restart()
