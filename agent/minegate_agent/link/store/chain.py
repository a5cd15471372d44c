"""The hash chain: each record's hash covers its predecessor, so that none can be changed or taken out unseen. Pure.

It is computed from what is journaled and also delivered (sequence, class, body), so that a receiver can follow it. No
hash stands beside a record: segment headers and signed anchors say what it must be.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

CHAIN_BYTES: Final = 32
START: Final = bytes(CHAIN_BYTES)  # before record 1
_COVERED = struct.Struct("<QBI")  # sequence, class, length of the body


def linked(before: bytes, sequence: int, klass: int, body: bytes) -> bytes:
    """The chain behind this record."""
    return hashlib.sha256(before + _COVERED.pack(sequence, klass, len(body)) + body).digest()
