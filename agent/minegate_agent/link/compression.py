"""How the columns of a message are compressed: zstd where it is installed, else zlib, and neither where it costs."""

from __future__ import annotations

import zlib
from typing import Final

try:
    import zstandard
except ModuleNotFoundError:  # the extra `zstd` is not installed; what others send as zstd cannot be read then
    INSTALLED = False
else:
    INSTALLED = True

PLAIN: Final = ""
ZSTD: Final = "zstd"
ZLIB: Final = "zlib"

_LEVEL = 1  # higher levels cost ten times the CPU for some percent on records as read
_WORTH_BYTES = 64  # below, a frame's own bytes eat what is gained


class CannotUnpack(ValueError):  # noqa: N818 - says what is the case
    """Bytes that are not what the message says, or a compression that is not installed."""


def packed(block: bytes, zstd: bool = INSTALLED) -> tuple[str, bytes]:
    """The name of the compression and the block so; PLAIN and the block as it is if nothing is gained."""
    if len(block) < _WORTH_BYTES:
        return PLAIN, block
    name, smaller = (ZSTD, _zstd_packed(block)) if zstd else (ZLIB, zlib.compress(block, _LEVEL))
    return (name, smaller) if len(smaller) < len(block) else (PLAIN, block)


def _zstd_packed(block: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(block)


def unpacked(compression: str, block: bytes, size: int) -> bytes:
    """The block's `size` bytes. Raises CannotUnpack; never takes more memory than `size`."""
    if compression == PLAIN:
        plain = block
    elif compression == ZSTD:
        plain = _zstd(block, size)
    elif compression == ZLIB:
        plain = _zlib(block, size)
    else:
        raise CannotUnpack(f"compression {compression!r} is not known")
    if len(plain) != size:
        raise CannotUnpack(f"a block of {len(plain)} bytes, {size} expected")
    return plain


def _zlib(block: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(block, size + 1)  # one byte more: a longer block is seen to be too long
    except zlib.error as error:
        raise CannotUnpack(f"not a zlib stream: {error}") from error


def _zstd(block: bytes, size: int) -> bytes:
    if not INSTALLED:
        raise CannotUnpack("compression zstd needs the package zstandard (pip install 'minegate[zstd]')")
    try:
        told = zstandard.frame_content_size(block)
        if told != size:
            raise CannotUnpack(f"a block of {told} bytes, {size} expected")
        return zstandard.ZstdDecompressor().decompress(block, max_output_size=size)
    except zstandard.ZstdError as error:
        raise CannotUnpack(f"not a zstd frame: {error}") from error
