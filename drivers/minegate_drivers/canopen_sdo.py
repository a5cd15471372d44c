"""Reading one object of a CANopen node by SDO: expedited and segmented upload. No I/O.

Source: CiA 301, section 7.2.4.3 (SDO protocols). One upload at a time, as the protocol has it.
"""

from __future__ import annotations

from minegate_drivers.sdk import Nonsense

BYTES_MAX = 1024
ABORT_TIMEOUT, ABORT_TOO_LONG, ABORT_COMMAND = 0x05040000, 0x05040005, 0x05040001
_ABORT, _UPLOAD = 0x80, 0x40


class Upload:
    """The reading of object `index`:`sub`. `request` is what is to be sent next, b"" if nothing is."""

    def __init__(self, index: int, sub: int) -> None:
        self._object = index.to_bytes(2, "little") + bytes((sub,))
        self.request = bytes((_UPLOAD,)) + self._object + bytes(4)
        self._announced: int | None = None
        self._data = b""
        self._segmented = False
        self._toggle = 0

    def hear(self, data: bytes) -> bytes | None:
        """The server's answer; the whole value if this was the last of it. Raises Nonsense, which ends the upload."""
        self.request = b""
        if len(data) != 8:
            raise Nonsense("length", f"SDO answer of {len(data)} bytes")
        if data[0] == _ABORT:
            code = int.from_bytes(data[4:8], "little")
            raise Nonsense("exception", f"object {self._name()}: abort {code:#010x}")
        return self._segment(data) if self._segmented else self._initiated(data)

    def abort(self, code: int) -> bytes:
        """The frame that tells the server that we give up."""
        return bytes((_ABORT,)) + self._object + code.to_bytes(4, "little")

    def _initiated(self, data: bytes) -> bytes | None:
        if data[0] >> 5 != 2:
            raise Nonsense("function", f"command {data[0]:#04x} is no answer to an upload")
        if data[1:4] != self._object:
            raise Nonsense("foreign", f"object {data[1:4].hex()} answered, {self._name()} was asked")
        sized, expedited = data[0] & 1, data[0] & 2
        if expedited:
            return data[4 : 8 - (data[0] >> 2 & 3)] if sized else data[4:8]
        self._announced = int.from_bytes(data[4:8], "little") if sized else None
        if self._announced is not None and self._announced > BYTES_MAX:
            raise Nonsense("length", f"object {self._name()}: {self._announced} bytes, at most {BYTES_MAX} are read")
        self._segmented = True
        self.request = b"\x60" + bytes(7)
        return None

    def _segment(self, data: bytes) -> bytes | None:
        if data[0] >> 5 != 0:
            raise Nonsense("function", f"command {data[0]:#04x} is no segment")
        if data[0] >> 4 & 1 != self._toggle:
            raise Nonsense("format", f"object {self._name()}: a segment was lost or came twice")
        self._data += data[1 : 8 - (data[0] >> 1 & 7)]
        if len(self._data) > BYTES_MAX:
            raise Nonsense("length", f"object {self._name()}: more than {BYTES_MAX} bytes")
        if not data[0] & 1:
            self._toggle ^= 1
            self.request = bytes((0x60 | self._toggle << 4,)) + bytes(7)
            return None
        if self._announced is not None and len(self._data) != self._announced:
            raise Nonsense("length", f"object {self._name()}: {len(self._data)} bytes, {self._announced} announced")
        return self._data

    def _name(self) -> str:
        return f"{int.from_bytes(self._object[:2], 'little'):04X}:{self._object[2]:02X}"
