"""A new file that is there whole, with its name, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from minegate_agent.link.disk import Disk, OpenFile

FRESH_SUFFIX = ".new"  # what is found under such a name was never finished


def appear(disk: Disk, path: Path, chunks: Iterable[bytes]) -> OpenFile:
    """Write the chunks to a file of this name, in place of one that is there; open and durable. Raises OSError."""
    fresh = path.with_name(path.name + FRESH_SUFFIX)
    file = disk.create(fresh)
    try:
        at = 0
        for chunk in chunks:
            file.write_at(at, chunk)
            at += len(chunk)
        file.fdatasync()
        disk.replace(fresh, path)
        disk.sync_folder(path.parent)
    except OSError:
        close_quietly(file)
        raise
    return file


def close_quietly(file: OpenFile) -> None:
    """Closing makes nothing durable, so an error of it says nothing."""
    with contextlib.suppress(OSError):
        file.close()
