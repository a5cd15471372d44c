"""CRC-16 as Modbus RTU defines it: polynomial 0xA001 (reflected), start 0xFFFF, sent low byte first.

Source: Modbus over serial line, specification and implementation guide V1.02, section 6.2.2 and appendix B.
The wire of our own nodes uses the same sum, so that one table serves both.
"""


def _table() -> bytes:
    low_high = bytearray(512)
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        low_high[index] = crc & 0xFF
        low_high[256 + index] = crc >> 8
    return bytes(low_high)


# Two byte tables in one object: item access on bytes does not allocate on a node.
_TABLE = _table()


def crc16(buf: bytes | bytearray, first: int, end: int) -> int:
    """The sum of `buf[first:end]`; the caller's buffer is not sliced, so a node allocates nothing."""
    low = 0xFF
    high = 0xFF
    for position in range(first, end):
        index = low ^ buf[position]
        low = high ^ _TABLE[index]
        high = _TABLE[256 + index]
    return high << 8 | low
