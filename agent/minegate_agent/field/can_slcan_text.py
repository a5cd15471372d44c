"""The text of slcan, both ways: CAN frames as lines that end with CR. No I/O.

Sources: LAWICEL CANUSB manual, chapter "Commands" (t T r R z Z F S O C, time stamps); the CAN FD lines d D b B are
those of the CANable 2.0 firmware (README, "CAN FD").
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable

from minegate_drivers.ports import BusHealth, CanFrame

BIT_RATES = {
    10_000: b"S0", 20_000: b"S1", 50_000: b"S2", 100_000: b"S3", 125_000: b"S4",
    250_000: b"S5", 500_000: b"S6", 800_000: b"S7", 1_000_000: b"S8",
}  # fmt: skip
LINE_BYTES_MAX = 1 + 8 + 1 + 128 + 4  # identifier, length, 64 bytes of data, time stamp
STATUS = b"F\r"
_FD_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
_STAMP_BYTES = 2
_ZERO = ord("0")
_REFUSED = b"\a"  # the adapter's answer to a command that it does not do; it has no CR behind it
# frames nobody wants, remote frames, acknowledgements, version, serial number
_KNOWN = frozenset((b"t", b"T", b"r", b"R", b"d", b"D", b"b", b"B", b"z", b"Z", b"V", b"v", b"N"))
# bits of the answer to F
_RX_FULL, _TX_FULL, _WARNING, _OVERRUN, _PASSIVE, _BUS_ERROR = 0x01, 0x02, 0x04, 0x08, 0x20, 0x80


class SlcanText:
    """What an adapter says, put together from pieces. Only frames of `can_ids` are kept."""

    def __init__(self, can_ids: Iterable[tuple[int, bool]], bus: BusHealth) -> None:
        self._wanted: dict[bytes, tuple[int, bool, bool]] = {}
        for number, wide in can_ids:
            digits = f"{number:08X}" if wide else f"{number:03X}"
            for letter, fd in ("T", False), ("D", True), ("B", True):
                head = ((letter if wide else letter.lower()) + digits).encode("ascii")
                self._wanted[head] = number, wide, fd
        self._rest = b""
        self._bus = bus

    def feed(self, heard: bytes) -> list[CanFrame]:
        """The frames that `heard` completes, oldest first. What is no line is counted, and nothing else is lost."""
        if _REFUSED in heard:
            self._bus.errors["refused"] = self._bus.errors.get("refused", 0) + heard.count(_REFUSED)
            heard = heard.replace(_REFUSED, b"")
        *lines, self._rest = (self._rest + heard).split(b"\r")
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""
            self._bus.malformed += 1
        frames: list[CanFrame] = []
        wanted = self._wanted
        for line in lines:
            found = wanted.get(line[:4]) or wanted.get(line[:9])
            if found is None:
                if line:
                    self._other(line)
                continue
            number, wide, fd = found
            at = 9 if wide else 4
            try:
                size = line[at] - _ZERO
                plain = size <= 8 and len(line) == at + 1 + 2 * size  # nearly always
                data = unhexlify(line[at + 1 :]) if plain else _data(line, at, fd)
            except (ValueError, IndexError):
                self._bus.malformed += 1
                continue
            frames.append(CanFrame(number, data, wide, fd))
        return frames

    def _other(self, line: bytes) -> None:
        if line[:1] == b"F" and len(line) == 3:
            self._status(line[1:])
        elif line[:1] not in _KNOWN:
            self._bus.malformed += 1

    def _status(self, digits: bytes) -> None:
        try:
            flags = int(digits, 16)
        except ValueError:
            self._bus.malformed += 1
            return
        bus = self._bus
        bus.state = "passive" if flags & _PASSIVE else "warning" if flags & _WARNING else "active"
        for bit, word in (_RX_FULL, "rx_full"), (_TX_FULL, "tx_full"), (_OVERRUN, "overrun"), (_BUS_ERROR, "bus_error"):
            if flags & bit:
                bus.errors[word] = bus.errors.get(word, 0) + 1
        bus.dropped += bool(flags & (_RX_FULL | _OVERRUN))  # at least one; the adapter does not say how many


def _data(line: bytes, at: int, fd: bool) -> bytes:
    """The data behind the length digit at `at`, without the adapter's time stamp. ValueError if they do not fit."""
    size = int(line[at : at + 1], 16)
    data = unhexlify(line[at + 1 :])
    if size > 8 and not fd:
        raise ValueError(size)
    length = _FD_LENGTHS[size]
    if len(data) == length:
        return data
    if len(data) != length + _STAMP_BYTES:
        raise ValueError(len(data))
    return data[:length]


def line_of(frame: CanFrame) -> bytes:
    """The command that sends `frame`. ValueError if it does not fit into a frame."""
    if frame.fd:
        if len(frame.data) not in _FD_LENGTHS:
            raise ValueError(f"{len(frame.data)} bytes of data are no length of CAN FD")
        size, letter = _FD_LENGTHS.index(len(frame.data)), "b"
    else:
        if len(frame.data) > 8:
            raise ValueError(f"{len(frame.data)} bytes of data, at most 8")
        size, letter = len(frame.data), "t"
    head = f"{letter.upper()}{frame.id:08X}" if frame.extended else f"{letter}{frame.id:03X}"
    return f"{head}{size:X}{frame.data.hex().upper()}\r".encode("ascii")
