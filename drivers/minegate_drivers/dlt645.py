"""DL/T 645-2007: frames of electricity meters as bytes: requests, when an answer is whole, what it carries. No port.

Source: DL/T 645-2007, chapter 5 (frame: FE preamble, 68, address, 68, control, length, data + 33H, sum, 16) and annex A
(data identifiers). Address and values are BCD, lowest byte first.
"""

from __future__ import annotations

from minegate_drivers.sdk import Nonsense

PREAMBLE = b"\xfe\xfe\xfe\xfe"
READ, READ_NEXT, READ_ADDRESS = 0x11, 0x12, 0x13
ANYONE = "AAAAAAAAAAAA"
DATA_BYTES_MAX = 200
FRAME_BYTES_MAX = 12 + DATA_BYTES_MAX
_START, _END, _FROM_METER, _REFUSED, _MORE = 0x68, 0x16, 0x80, 0x40, 0x20
_HEAD_BYTES = 10  # 68, address, 68, control, length
_AROUND_BYTES = 12
_ERRORS = (
    "other error", "no such data", "wrong password or no permission", "rate cannot be changed",
    "too many year zones", "too many day zones", "too many tariffs",
)  # fmt: skip


def address_bytes(address: str) -> bytes:
    """12 decimal digits, or A for each digit that may be anything. ValueError."""
    if len(address) != 12 or not all(digit in "0123456789A" for digit in address):
        raise ValueError(f"address {address!r} is not 12 digits")
    return bytes.fromhex(address)[::-1]


def framed(address: str, control: int, data: bytes = b"") -> bytes:
    """A whole frame without preamble; `data` before 33H is added. ValueError."""
    if len(data) > DATA_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes of data, at most {DATA_BYTES_MAX}")
    said = bytes((byte + 0x33) & 0xFF for byte in data)
    start = bytes((_START,))
    body = start + address_bytes(address) + start + bytes((control, len(data))) + said
    return body + bytes((sum(body) & 0xFF, _END))


def read(address: str, identifier: int) -> bytes:
    """The request to read data identifier DI3..DI0, 32 bits, with its preamble."""
    return PREAMBLE + framed(address, READ, identifier.to_bytes(4, "little"))


def missing(heard: bytes) -> int:
    """How many bytes at least are missing until `heard` holds a whole frame; 0: it does, or it is too long for one."""
    begun = _begin(heard)
    frame = heard[begun:]
    if len(heard) > 2 * FRAME_BYTES_MAX:
        return 0
    if len(frame) < _HEAD_BYTES:
        return _AROUND_BYTES - len(frame)
    return max(0, _AROUND_BYTES + frame[9] - len(frame))


def carried(heard: bytes, request: bytes) -> bytes:
    """The data behind the identifier in the answer to `request`, 33H taken off. Raises Nonsense."""
    frame = heard[_begin(heard) :]
    if len(frame) < _AROUND_BYTES or len(frame) != _AROUND_BYTES + frame[9]:
        raise Nonsense("length", f"{len(heard)} bytes")
    if frame[-1] != _END:
        raise Nonsense("format", f"the frame ends with {frame[-1]:02x}")
    if sum(frame[:-2]) & 0xFF != frame[-2]:
        raise Nonsense("checksum", f"{frame[-2]:02x} is not the sum of the frame")
    asked = request[_begin(request) :]
    data = bytes((byte - 0x33) & 0xFF for byte in frame[_HEAD_BYTES:-2])
    wanted, said = asked[1:7], frame[1:7]
    if any(digit != 0xAA and digit != other for digit, other in zip(wanted, said, strict=True)):
        raise Nonsense("foreign", f"meter {said[::-1].hex()} answered, {wanted[::-1].hex()} was asked")
    control = frame[8]
    if not control & _FROM_METER or control & 0x1F != asked[8]:
        raise Nonsense("function", f"control {control:02x} is no answer to {asked[8]:02x}")
    if control & _REFUSED:
        bits = data[0] if data else 0
        words = [word for bit, word in enumerate(_ERRORS) if bits >> bit & 1]
        raise Nonsense("exception", ", ".join(words) or f"error {bits:02x}")
    return _behind(data, asked) if asked[8] == READ else data


def _behind(data: bytes, asked: bytes) -> bytes:
    identifier = bytes((byte - 0x33) & 0xFF for byte in asked[_HEAD_BYTES : _HEAD_BYTES + 4])
    if data[:4] != identifier:
        raise Nonsense("foreign", f"data {data[3::-1].hex()} answered, {identifier[::-1].hex()} was asked")
    return data[4:]


def _begin(heard: bytes) -> int:
    """Where the frame begins: the first 68 with another seven bytes behind it, or with too little behind to tell."""
    begun = heard.find(_START)
    while begun >= 0 and len(heard) > begun + 7 and heard[begun + 7] != _START:
        begun = heard.find(_START, begun + 1)
    return begun if begun >= 0 else len(heard)
