"""An slcan adapter on a tty as the CAN bus of one relay node: for the bench and the simulator.

An adapter of this kind adds milliseconds of USB and of text, drops frames without a word when its buffers are full, and
cannot tell that its controller is off the bus: that shows as a silent node. A mine's cut belongs on SocketCAN.
Commands: LAWICEL CANUSB manual. The bytes are structs as node_wire.py makes and takes them.
"""

from __future__ import annotations

from binascii import unhexlify

from minegate_interlock.node_wire import (
    CRTL_ACTIVE,
    CRTL_PASSIVE,
    EFF_FLAG,
    ERR_CONTROLLER,
    ERR_FLAG,
    STRUCT,
    node_filter,
)
from minegate_interlock.output_kinds import SLCAN_BIT_RATES
from minegate_interlock.world import Line, LineLost

LINE_BYTES_MAX = 64
_STATUS_EVERY = 8  # writes: about once a second
_STATUS_PASSIVE = 0x20
_REFUSED = b"\a"
_DATA_AT = 10  # T, eight digits of identifier, length


class SlcanLine:
    """See world.Line. `tty` is a line of bytes, open."""

    def __init__(self, tty: Line, node: int, bitrate: int) -> None:
        self.fd = tty.fd
        self._tty = tty
        self._identifier, self._mask = node_filter(node)
        self._rest = b""
        self._writes = 0
        tty.write(b"\r\rC\rS%d\rO\r" % SLCAN_BIT_RATES.index(bitrate))

    def read(self) -> bytes:
        """See Line."""
        heard = self._tty.read()
        if not heard:
            return b""
        *lines, self._rest = (self._rest + heard.replace(_REFUSED, b"")).split(b"\r")
        self._rest = self._rest if len(self._rest) <= LINE_BYTES_MAX else b""
        return b"".join(self._struct(line) for line in lines)

    def write(self, data: bytes) -> None:
        """See Line."""
        text = b"".join(_text(*STRUCT.unpack_from(data, at)) for at in range(0, len(data), STRUCT.size))
        self._writes += 1
        self._tty.write(text + b"F\r" if self._writes % _STATUS_EVERY == 0 else text)

    def forget_waiting(self) -> None:
        """See Line."""
        self._rest = b""
        self._tty.forget_waiting()

    def close(self) -> None:
        """See Line."""
        try:
            self._tty.write(b"C\r")
        except LineLost:
            pass  # unplugged: there is nothing to close
        finally:
            self._tty.close()

    def _struct(self, line: bytes) -> bytes:
        """The struct of one line, or b"" if it is of nobody here."""
        try:
            if line[:1] == b"F" and len(line) == 3:
                state = CRTL_PASSIVE if int(line[1:], 16) & _STATUS_PASSIVE else CRTL_ACTIVE
                return STRUCT.pack(ERR_FLAG | ERR_CONTROLLER, 8, bytes((0, state)))
            if line[:1] != b"T":
                return b""
            word, length = EFF_FLAG | int(line[1:9], 16), int(line[9:_DATA_AT])
            data = unhexlify(line[_DATA_AT : _DATA_AT + 2 * length])
        except ValueError:
            return b""  # cut short or damaged; the sum of the wire would find it as well
        mine = word & self._mask == self._identifier & self._mask
        return STRUCT.pack(word, length, data) if mine and len(data) == length <= 8 else b""


def _text(word: int, length: int, payload: bytes) -> bytes:
    return b"T%08X%d%b\r" % (word & ~EFF_FLAG, length, payload[:length].hex().upper().encode("ascii"))
