"""SHA-256 without OpenSSL: `hashlib` loads libcrypto, 3.7 MB in a process that is to stay within 16."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast


class _Hash(Protocol):
    def digest(self) -> bytes: ...


def _built_in() -> Callable[[bytes], _Hash]:
    """The interpreter's own module, by its names in 3.12 and 3.11; `hashlib` where it was built without."""
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return cast("Callable[[bytes], _Hash]", import_module(name).sha256)
        except ImportError:
            continue
    raise ImportError("no SHA-256")


_SHA256 = _built_in()


def sha256(data: bytes) -> bytes:
    """The 32 bytes of it."""
    return _SHA256(data).digest()
