"""The CAN port over `machine.CAN` (MicroPython 1.28 and later; STM32, and MIMXRT and Alif where they have it)."""

from machine import CAN

from minegate_node.can_link import CanPort
from minegate_wire.can_frames import SEGMENT_MAX


class MachineCan(CanPort):
    """See CanPort. 250 kbit/s is what J1939 speaks."""

    def __init__(self, bus: int, bitrate: int = 250000) -> None:
        self.identifier = 0
        self.length = 0
        self.data = bytearray(SEGMENT_MAX)
        self._can = CAN(bus, bitrate=bitrate)
        self._can.set_filters(None)  # before this call nothing is received
        self._heard: list = [0, memoryview(bytearray(SEGMENT_MAX)), 0, 0]
        self._part = bytearray(SEGMENT_MAX)
        view = memoryview(self._part)
        self._views = [view[:length] for length in range(SEGMENT_MAX + 1)]

    def recv(self) -> bool:
        """Take one data frame with a 29-bit identifier; others are passed over."""
        heard = self._heard
        while self._can.recv(heard) is not None:
            if heard[2] & CAN.FLAG_RTR or not heard[2] & CAN.FLAG_EXT_ID:
                continue
            part = heard[1]
            self.identifier = heard[0]
            self.length = len(part)
            for at in range(self.length):
                self.data[at] = part[at]
            return True
        return False

    def send(self, identifier: int, buf: bytearray, length: int) -> bool:
        """False if it must be tried again: the queue is full, holds this identifier already, or the bus is off."""
        for at in range(length):
            self._part[at] = buf[at]
        try:
            return self._can.send(identifier, self._views[length], CAN.FLAG_EXT_ID) is not None
        except OSError:
            return False

    def off(self) -> bool:
        """Whether the controller has taken itself off the bus, or was never on it."""
        state = self._can.state()
        return state == CAN.STATE_BUS_OFF or state == CAN.STATE_STOPPED

    def restart(self) -> None:
        """Ask the controller to come back; it does after 128 idle sequences on the bus."""
        self._can.restart()
