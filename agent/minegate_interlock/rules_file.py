"""The rules file as it lies on disk: whether somebody has edited it since it was last looked at."""

from __future__ import annotations

import os

from minegate_interlock.digest import sha256
from minegate_interlock.world import Folder


class RulesFile:
    """`in_force` is the SHA-256 of the file as it was read at start."""

    def __init__(self, path: Folder, in_force: bytes) -> None:
        self.path = path
        self._in_force = in_force
        self._found = in_force
        self._touched: tuple[int, ...] | None = None  # as never looked at

    def edited(self) -> bool:
        """Told once per edit, not for one that brings the rules in force back. One not touched is not read."""
        touched = self._look()
        if touched == self._touched:
            return False
        self._touched = touched
        before = self._found
        try:
            with open(self.path, "rb") as file:
                self._found = sha256(file.read())
        except OSError:
            self._found = b""
        return self._found not in (before, self._in_force)

    def _look(self) -> tuple[int, ...]:
        """What changes whenever the file does; () if it is not there."""
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
