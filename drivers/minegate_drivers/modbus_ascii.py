"""Modbus ASCII: a colon, station and PDU and their LRC as hex digits, CR LF.

Source: MODBUS over Serial Line V1.02, section 2.5.2. A colon anywhere begins a new frame, so that the line is in step
again after any damage.
"""

from __future__ import annotations

from minegate_drivers import modbus
from minegate_drivers.sdk import Nonsense

START, END = b":", b"\r\n"
FRAME_BYTES_MAX = 513
_SHORTEST_BYTES = 11  # colon, station, function, exception code, LRC, CR LF
_AROUND_BYTES = 1 + 2 + 2 + 2  # of the digits of a PDU: colon, station, LRC, CR LF
_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


def lrc(body: bytes) -> int:
    """The two's complement of the sum of the bytes."""
    return -sum(body) & 0xFF


def request(station: int, pdu: bytes) -> bytes:
    """`pdu` of modbus.py to `station`. ValueError if no station has that number."""
    return framed(bytes((modbus.check_station(station),)) + pdu)


def framed(body: bytes) -> bytes:
    """`body` (station, function, rest) as a frame."""
    return START + (body + bytes((lrc(body),))).hex().upper().encode("ascii") + END


def missing(heard: bytes, asked: bytes) -> int:
    """How many bytes at least are missing until `heard` ends a frame; 0: it does, or can never."""
    begun = heard.rfind(START)
    if begun < 0:
        return _SHORTEST_BYTES if len(heard) <= FRAME_BYTES_MAX else 0
    frame = heard[begun:]
    if END in frame or len(frame) >= FRAME_BYTES_MAX:
        return 0
    announced = 2 * modbus.answer_bytes(_bytes(frame[3:7])) + _AROUND_BYTES if len(frame) >= 7 else _SHORTEST_BYTES
    return max(announced - len(frame), 1)


def payload(heard: bytes, asked: bytes) -> bytes:
    """What the last frame in `heard` carries as the answer to `asked`. Raises Nonsense."""
    begun = heard.rfind(START)
    if begun < 0 or not heard.endswith(END):
        raise Nonsense("length", f"{len(heard)} bytes without colon and CR LF")
    digits = heard[begun + 1 : -len(END)]
    if len(digits) % 2 or not _DIGITS.issuperset(digits) or len(digits) < _SHORTEST_BYTES - 3:
        raise Nonsense("format", f"{len(digits)} characters that are not pairs of hex digits")
    frame = bytes.fromhex(digits.decode("ascii"))
    if sum(frame) & 0xFF:  # the sum over a frame and its LRC is zero
        raise Nonsense("checksum", f"{frame[-1]:02x} is not the sum of the frame")
    station = int(asked[1:3], 16)
    if frame[0] != station:
        raise Nonsense("foreign", f"station {frame[0]} answered, {station} was asked")
    return modbus.carried(frame[1:-1], _bytes(asked[3 : -len(END)])[:-1])


def _bytes(digits: bytes) -> bytes:
    """The digits as bytes; what is no digit counts as zero, and is refused when the frame is whole."""
    clean = bytes(digit if digit in _DIGITS else 0x30 for digit in digits)
    return bytes.fromhex(clean.decode("ascii"))
