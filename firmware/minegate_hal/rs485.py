"""RS-485 on any UART: the direction pin is high while we talk, and nothing waits for a character to leave."""

from machine import UART, Pin

from minegate_wire.frame import LINE_MAX

CHUNK = 8  # bytes per cycle: a UART without a transmit buffer (STM32) holds up the loop for 8.4 ms at 9600 baud
_READ_MAX = 64
_ECHO_READS_MAX = LINE_MAX // _READ_MAX + 1


class Rs485:
    """`direction` drives DE and /RE of the transceiver together; None for one that finds the direction itself.

    The caller's loop calls `read` and `step` once per cycle.
    """

    def __init__(self, uart: UART, direction: Pin | None = None) -> None:
        self.buf = bytearray(_READ_MAX)
        self.dropped = 0
        self._uart = uart
        self._direction = direction
        self._out = bytearray(LINE_MAX)
        self._length = 0
        self._next = 0
        self._talking = False
        self._chunk = bytearray(CHUNK)
        view = memoryview(self._chunk)
        self._views = [view[:length] for length in range(CHUNK + 1)]
        self._listen()

    def read(self) -> int:
        """How many bytes of `buf` were received. While we talk, what is heard is our own echo."""
        if not self._uart.any():
            return 0
        length = self._uart.readinto(self.buf) or 0
        return 0 if self._talking else length

    def send(self, buf: bytearray, length: int) -> bool:
        """Begin to send `buf[:length]`. False, counted, while the answer before is still on its way."""
        if self._talking or length > LINE_MAX:
            self.dropped = min(self.dropped + 1, 65535)
            return False
        for at in range(length):
            self._out[at] = buf[at]
        self._length = length
        self._next = 0
        self._talking = True
        if self._direction is not None:
            self._direction.value(1)
        return True

    def step(self) -> None:
        """Push the next few bytes; let go of the line when the last has left."""
        if not self._talking:
            return
        many = min(CHUNK, self._length - self._next)
        if many > 0:
            for at in range(many):
                self._chunk[at] = self._out[self._next + at]
            self._next += self._uart.write(self._views[many]) or 0
        elif self._uart.txdone():
            for _ in range(_ECHO_READS_MAX):  # the end of our own echo, before the line is anybody's again
                if not self._uart.any():
                    break
                self._uart.readinto(self.buf)
            self._listen()

    def _listen(self) -> None:
        self._talking = False
        if self._direction is not None:
            self._direction.value(0)
