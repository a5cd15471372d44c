"""Counter and checksum of a CAN message, as many machines carry them: a frame that repeats or was damaged is found out.

    checks = '''
    Motors  counter=MotorCount checksum=xor8@7
    Faults  checksum=crc8_j1850@0
    '''

`checksum=KIND@BYTE`: the byte at BYTE is KIND over all other bytes of the frame in their order. `counter` is a signal
that grows by one with every frame and begins again from zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from minegate_drivers.checksums import NAMED, Crc
from minegate_drivers.sdk import Nonsense, Quality

CHECKS_MAX = 256
_SUMS: dict[str, Callable[[bytes], int]] = {
    "xor8": NAMED["xor8"][1],
    "sum8": NAMED["sum8"][1],
    "crc8_j1850": Crc(8, 0x1D, 0xFF, reflected=False, final=0xFF),
    "crc8_autosar": Crc(8, 0x2F, 0xFF, reflected=False, final=0xFF),
}


class Check(NamedTuple):
    """What is checked of one message; `sum_at` is the byte that carries the checksum."""

    counter: str
    kind: str
    sum_at: int


def parse(text: str) -> dict[str, Check]:
    """Message name -> its checks. ValueError names the line."""
    found: dict[str, Check] = {}
    for line in (line.strip() for line in re.split(r"[;\n]", text)):
        if not line:
            continue
        name, *words = line.split()
        said = dict(word.partition("=")[::2] for word in words)
        if not words or not said.keys() <= {"counter", "checksum"} or name in found or len(found) == CHECKS_MAX:
            raise ValueError(f"option checks: {line!r} is not one message with counter= and checksum=, once")
        kind, _, at = said.get("checksum", "xor8@0").partition("@")
        if kind not in _SUMS or not at.isdecimal() or int(at) > 63:
            raise ValueError(f"option checks: {line!r}: checksum is not one of {', '.join(_SUMS)} with @byte")
        found[name] = Check(said.get("counter", ""), kind if "checksum" in said else "", int(at))
    return found


class MessageCheck:
    """The checks of one message while it is heard. `raw_counter` takes the counter out of a frame's data."""

    def __init__(self, check: Check, raw_counter: Callable[[bytes], int] | None, counter_bits: int) -> None:
        self._sum = _SUMS[check.kind] if check.kind else None
        self._sum_at = check.sum_at
        self._raw_counter = raw_counter
        self._modulus = 1 << counter_bits
        self._last: int | None = None
        self.missed = 0  # frames that the counter says were sent and that we never heard
        self.repeated = 0

    def hear(self, data: bytes) -> Quality:
        """What the checks say against a frame. Raises Nonsense("checksum")."""
        if self._sum is not None:
            at = self._sum_at
            if self._sum(data[:at] + data[at + 1 :]) != data[at]:
                raise Nonsense("checksum", f"byte {at} is {data[at]:#04x}")
        if self._raw_counter is None:
            return Quality.GOOD
        count = self._raw_counter(data)
        last, self._last = self._last, count
        if last is None:
            return Quality.GOOD
        if count == last:
            self.repeated += 1
            return Quality.STALE
        self.missed += (count - last - 1) % self._modulus
        return Quality.GOOD
