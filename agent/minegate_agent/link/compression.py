"""How the blocks of a message are compressed: zstd where it is installed and where it pays, else as they are."""

from __future__ import annotations

from typing import Final

try:
    import zstandard
except ModuleNotFoundError:  # the extra `zstd` is not installed; what others send compressed cannot be read then
    INSTALLED = False
else:
    INSTALLED = True

PLAIN: Final = ""
ZSTD: Final = "zstd"

_LEVEL = 1  # higher levels cost ten times the CPU for some percent on records as read
_WORTH_BYTES = 512  # below, a frame's own bytes eat what is gained
_WORTH_PART = 0.9  # a tenth at least must be gained, or the receiver unpacks for nothing


class CannotUnpack(ValueError):  # noqa: N818 - says what is the case
    """Bytes that are not what the message says, or a compression that is not installed."""


def packed(blocks: list[bytes]) -> tuple[str, list[bytes]]:
    """The name of the compression that was found best for all blocks together, and the blocks so."""
    size = sum(map(len, blocks))
    if not INSTALLED or size < _WORTH_BYTES:
        return PLAIN, blocks
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    smaller = [compressor.compress(block) for block in blocks]
    if not sum(map(len, smaller)) < size * _WORTH_PART:
        return PLAIN, blocks
    return ZSTD, smaller


def unpacked(compression: str, block: bytes, size: int) -> bytes:
    """The block's `size` bytes. Raises CannotUnpack; never takes more memory than `size`."""
    if compression == PLAIN:
        plain = block
    elif compression == ZSTD:
        plain = _zstd(block, size)
    else:
        raise CannotUnpack(f"compression {compression!r} is not known")
    if len(plain) != size:
        raise CannotUnpack(f"a block of {len(plain)} bytes, {size} expected")
    return plain


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
