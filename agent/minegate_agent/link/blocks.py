"""Records of one device side by side, so that a compressor sees how little changes. Pure, and exactly reversible.

Two steps: each record becomes its XOR with the one before (the first with zeros), then the bytes of equal weight stand
together: with weight 2, first every high byte, then every low byte. Measured on a random walk of 100 registers, both
steps before zstd halve what zstd alone leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def columns(records: bytes, size: int, weight: int) -> bytes:
    """`records` are whole records of `size` bytes, joined; `size` is a multiple of `weight`."""
    if not records:
        return records
    whole = int.from_bytes(records, "big")
    changed = (whole ^ whole >> 8 * size).to_bytes(len(records), "big")
    return b"".join(changed[at::weight] for at in range(weight))


def joined(told: bytes, size: int, weight: int) -> bytes:
    """What `columns` was given. ValueError if that cannot be."""
    if not 0 < weight <= 8 or size % weight or (len(told) % size if size else told):
        raise ValueError(f"{len(told)} bytes are no columns of records of {size} bytes, weight {weight}")
    changed = bytearray(len(told))
    height = len(told) // weight
    for at in range(weight):
        changed[at::weight] = told[at * height : (at + 1) * height]
    whole = int.from_bytes(changed, "big")
    shift = 8 * size
    while 0 < shift < 8 * len(told):  # each turn undoes the XOR over twice as many records
        whole ^= whole >> shift
        shift *= 2
    return whole.to_bytes(len(told), "big")


def weight_of(size: int, fields: Iterable[Mapping[str, Any]]) -> int:
    """Of the field sizes that divide the record, the one that covers most bytes of it; 1 if there is none."""
    covered: dict[int, int] = {}
    for field in fields:
        each = int(str(field["type"])[-1])
        covered[each] = covered.get(each, 0) + each
    dividing = [each for each in covered if size % each == 0]
    return max(dividing, key=lambda each: (covered[each], -each), default=1)
