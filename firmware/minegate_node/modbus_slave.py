"""A Modbus RTU slave, without a port: bytes and time in, an answer out.

Source: Modbus application protocol V1.1b3 and Modbus over serial line V1.02. A frame ends with a silence of 3.5
characters; one that is damaged, longer than 256 bytes or for another station is not answered, nor is a broadcast, which
is obeyed. Functions 3, 4, 6 and 16; everything else is exception 1.
"""

from minegate_node.registers import Registers
from minegate_wire.crc16 import crc16

FRAME_MAX = 256
READ_MAX = 125
WRITE_MAX = 123
_TICKS_MASK = (1 << 30) - 1
ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


def gap_ms(baud: int) -> int:
    """The silence that ends a frame, rounded up: 3.5 characters of 11 bits, and not below 2 ms (the specification asks
    for 1.75 ms above 19200 baud).
    """
    return max((38500 + baud - 1) // baud, 2)


class ModbusSlave:
    """Station 1..247. `out[:out_length]` is the answer while `answer()` says its length."""

    def __init__(self, station: int, registers: Registers, frame_gap_ms: int) -> None:
        if not 1 <= station <= 247:
            raise ValueError("modbus station")
        self.good = 0
        self.bad = 0
        self.out = bytearray(FRAME_MAX)
        self._length = 0
        self._station = station
        self._registers = registers
        self._gap_ms = frame_gap_ms
        self._in = bytearray(FRAME_MAX)
        self._fill = 0
        self._overflow = False
        self._last_ms = 0

    def feed(self, data: bytes | bytearray, length: int, now_ms: int) -> None:
        """`data[:length]` was received by `now_ms` (30-bit ticks)."""
        if length == 0:
            return
        self._last_ms = now_ms
        for at in range(length):
            if self._fill == FRAME_MAX:
                self._overflow = True
                return
            self._in[self._fill] = data[at]
            self._fill += 1

    def step(self, now_ms: int) -> int:
        """Once per loop. The length of an answer in `out` that is due now, or 0."""
        if self._fill == 0 or (now_ms - self._last_ms) & _TICKS_MASK < self._gap_ms:
            return 0
        length = self._fill
        whole = not self._overflow and length >= 4 and self._sum_is_right(length)
        self._fill = 0
        self._overflow = False
        if not whole:
            self.bad = min(self.bad + 1, 65535)
            return 0
        self.good = min(self.good + 1, 65535)
        station = self._in[0]
        if station != self._station and station != 0:
            return 0
        self._obey(length - 2)
        return self._close() if station != 0 else 0

    def _sum_is_right(self, length: int) -> bool:
        return crc16(self._in, 0, length - 2) == self._in[length - 2] | self._in[length - 1] << 8

    def _close(self) -> int:
        crc = crc16(self.out, 0, self._length)
        self.out[self._length] = crc & 0xFF
        self.out[self._length + 1] = crc >> 8
        return self._length + 2

    def _word(self, at: int) -> int:
        return self._in[at] << 8 | self._in[at + 1]

    def _obey(self, end: int) -> None:
        function = self._in[1]
        self.out[0] = self._station
        self.out[1] = function
        if function == 3 or function == 4:
            self._read(function, end)
        elif function == 6:
            self._write_one(end)
        elif function == 16:
            self._write_many(end)
        else:
            self._refuse(ILLEGAL_FUNCTION)

    def _refuse(self, code: int) -> None:
        self.out[1] = self._in[1] | 0x80
        self.out[2] = code
        self._length = 3

    def _read(self, function: int, end: int) -> None:
        if end != 6 or not 1 <= self._word(4) <= READ_MAX:
            self._refuse(ILLEGAL_VALUE)
            return
        first = self._word(2)
        count = self._word(4)
        self.out[2] = 2 * count
        for number in range(count):
            address = first + number
            word = self._registers.read_holding(address) if function == 3 else self._registers.read_input(address)
            if word < 0:
                self._refuse(ILLEGAL_ADDRESS)
                return
            self.out[3 + 2 * number] = word >> 8
            self.out[4 + 2 * number] = word & 0xFF
        self._length = 3 + 2 * count

    def _write_one(self, end: int) -> None:
        if end != 6:
            self._refuse(ILLEGAL_VALUE)
        elif self._writable(self._word(2), 1, 4):
            self._registers.write(self._word(2), self._word(4))
            self._echo()

    def _write_many(self, end: int) -> None:
        count = self._word(4) if end > 6 else 0
        if not 1 <= count <= WRITE_MAX or self._in[6] != 2 * count or end != 7 + 2 * count:
            self._refuse(ILLEGAL_VALUE)
        elif self._writable(self._word(2), count, 7):
            for number in range(count):
                self._registers.write(self._word(2) + number, self._word(7 + 2 * number))
            self._echo()

    def _writable(self, first: int, count: int, words_at: int) -> bool:
        """All of it or nothing: every register on the whitelist, then every value within its limits."""
        for number in range(count):
            if not self._registers.may_write(first + number):
                self._refuse(ILLEGAL_ADDRESS)
                return False
        for number in range(count):
            if not self._registers.fits(first + number, self._word(words_at + 2 * number)):
                self._refuse(ILLEGAL_VALUE)
                return False
        return True

    def _echo(self) -> None:
        for at in range(2, 6):
            self.out[at] = self._in[at]
        self._length = 6
