"""CRC-32C where its library is (hardware does it, and it finds more in short records), else zlib's CRC-32."""

from __future__ import annotations

import zlib
from typing import Final

try:
    from crc32c import crc32c
except ModuleNotFoundError:
    INSTALLED = False
else:
    INSTALLED = True

CRC32: Final = 1
CRC32C: Final = 2
OURS: Final = CRC32C if INSTALLED else CRC32  # what this process writes, told in every segment's header


def checked(data: bytes, head: bytes) -> int:
    """The checksum of `head` and `data`, as this process writes it."""
    return crc32c(data, crc32c(head)) if INSTALLED else zlib.crc32(data, zlib.crc32(head))


def fits(checksum: int, data: bytes, head: bytes) -> bool:
    """Whether it is the checksum in either form: a segment may be older than the library."""
    return checksum in (checked(data, head), zlib.crc32(data, zlib.crc32(head)))
