"""A methane head with Modbus RTU: two registers, hundredths of % CH4 and a status word.

Register maps of real heads are not public and differ by model, so address, function and range are options. The status
word is this project's own; the simulated head speaks it:

    bit 0  measuring          clear: SUSPENDED, whatever else is said; a head that answers only zeros is not good
    bit 1  sensor fault       DEVICE_FAULT
    bit 2  over range         OUT_OF_RANGE
    bit 3  calibrating        CALIBRATING
    bit 4  warming up         SUSPENDED
    bit 5  negative drift     NEGATIVE_DRIFT
    bit 6  element broken     LINE_BREAK
    other  not assigned       DEVICE_FAULT: what we do not understand speaks against the reading
"""

from __future__ import annotations

from typing import ClassVar

from minegate_drivers.modbus_rtu import READ_INPUT_REGISTERS, STATION_MAX, missing, payload, read
from minegate_drivers.ranges import range_quality
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Option, Quality

MEASURING = 1
STATUS_BITS = {
    2: Quality.DEVICE_FAULT,
    4: Quality.OUT_OF_RANGE,
    8: Quality.CALIBRATING,
    16: Quality.SUSPENDED,
    32: Quality.NEGATIVE_DRIFT,
    64: Quality.LINE_BREAK,
}
_UNASSIGNED = 0xFFFF & ~(MEASURING | sum(STATUS_BITS))

# What heads of several makers put into the register when they have no value.
NO_VALUE = frozenset((0xFFFF, 0x8000))
REGISTERS = 2


class GasHead(LineDriver, Catalogued):
    """Methane head with Modbus RTU: % CH4 and a status word in two registers."""

    name: ClassVar[str] = "gas_head"
    options: ClassVar[dict[str, Option]] = {
        "station": Option(int, low=1, high=STATION_MAX, help="Modbus address of the head"),
        "first": Option(int, 0, low=0, high=65536 - REGISTERS, help="address of the methane register; status follows"),
        "function": Option(int, READ_INPUT_REGISTERS, low=3, high=4, help="4 input registers, 3 holding registers"),
        "scale": Option(float, 0.01, low=0.0001, high=10.0, help="% CH4 per count of the register"),
        "low": Option(float, 0.0, low=-1.0, high=100.0, help="lowest believable value, % CH4"),
        "high": Option(float, 4.0, low=0.0, high=100.0, help="highest believable value, % CH4"),
    }

    def __init__(self, *, station: int, first: int, function: int, scale: float, low: float, high: float) -> None:
        if not low < high:
            raise ValueError(f"option low: {low:g} is not below option high: {high:g}")
        self._request = read(station, function, first, REGISTERS)
        self._layout = Layout(
            Field("ch4", ">u2", scale=scale, quantity="methane", unit="%CH4", low=low, high=high),
            Field("status", ">u2"),
            name=self.name,
        )
        self._ch4 = self._layout.fields[0]
        self.layouts = (self._layout,)

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        return self._request

    def missing(self, heard: bytes) -> int:
        """See LineDriver."""
        return missing(heard, self._request)

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        record = payload(frame, self._request)
        quality = quality_of(int.from_bytes(record[:2], "big"), int.from_bytes(record[2:], "big"))
        # The record is one value, so its range speaks against the whole of it.
        return Heard(record, quality | range_quality(self._ch4, self._layout.decode(record)[0]))


def quality_of(register: int, status: int) -> Quality:
    """What the raw methane register and the status word (0..65535 both) say against the reading, range aside."""
    quality = Quality.GOOD if status & MEASURING else Quality.SUSPENDED
    for bit, meaning in STATUS_BITS.items():
        if status & bit:
            quality |= meaning
    if status & _UNASSIGNED or register in NO_VALUE:
        quality |= Quality.DEVICE_FAULT
    elif register > 0x8000:  # a small negative number in two's complement; the record keeps what was read
        quality |= Quality.NEGATIVE_DRIFT
    return quality
