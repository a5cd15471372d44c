"""CRC-32C where its library is (hardware does it, and it finds more in short records), else zlib's CRC-32."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final


def _library() -> Callable[[bytes, int], int] | None:
    """`crc32c.crc32c`, out of the package's extension alone: the package itself asks for its own version when it is
    imported, and that loads the e-mail library, 2 MB and as much time as all of this journal.
    """
    package = find_spec("crc32c")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / f"_crc32c{suffix}"
            spec = spec_from_file_location("_crc32c", path) if path.is_file() else None
            if spec is not None and spec.loader is not None:
                extension = module_from_spec(spec)
                spec.loader.exec_module(extension)
                found: Callable[[bytes, int], int] = extension.crc32c
                return found
    return None


crc32c = _library()

CRC32: Final = 1
CRC32C: Final = 2
OURS: Final = CRC32C if crc32c is not None else CRC32  # what this process writes, told in every segment's header


def checked(data: bytes, head: bytes) -> int:
    """The checksum of `head` and `data`, as this process writes it."""
    return zlib.crc32(data, zlib.crc32(head)) if crc32c is None else crc32c(data, crc32c(head, 0))


def fits(checksum: int, data: bytes, head: bytes) -> bool:
    """Whether it is the checksum in either form: a segment may be older than the library."""
    return checksum in (checked(data, head), zlib.crc32(data, zlib.crc32(head)))
