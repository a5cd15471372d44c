"""A Modbus device described by a device map (device_map.py): each read of the map is one part, asked in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from minegate_drivers import modbus, modbus_ascii, modbus_rtu, modbus_tcp
from minegate_drivers.device_map import load
from minegate_drivers.map_record import Record, reads
from minegate_drivers.sdk import Catalogued, Heard, LineDriver, Nonsense, Option

PARTS_MAX = 256  # a part is one byte on its way
FUNCTIONS = {
    "coil": modbus.READ_COILS,
    "discrete": modbus.READ_DISCRETE_INPUTS,
    "holding": modbus.READ_HOLDING_REGISTERS,
    "input": modbus.READ_INPUT_REGISTERS,
}
CARRIERS = ("rtu", "ascii", "tcp")


class ModbusMap(LineDriver, Catalogued):
    """Any Modbus device whose registers a map in `maps/` or in the site folder describes."""

    name: ClassVar[str] = "modbus"
    files: ClassVar[str] = "maps"
    options: ClassVar[dict[str, Option]] = {
        "map": Option(str, file=True, help="device map in the site folder, or one that ships here"),
        "station": Option(int, 1, low=0, high=255, help="Modbus address; 1..247 on a line"),
        "carrier": Option(str, "rtu", help="rtu (also over TCP to a device server), ascii or tcp"),
    }

    def __init__(self, *, map: str, station: int, carrier: str) -> None:  # noqa: A002 - the option's own word
        if carrier not in CARRIERS:
            raise ValueError(f"option carrier: {carrier!r} is not one of {', '.join(CARRIERS)}")
        device_map = load(Path(map))
        planned = reads(device_map)
        if len(planned) > PARTS_MAX:
            raise ValueError(f"option map: {len(planned)} reads are more than {PARTS_MAX}")
        self.device_map = device_map
        self.reads = planned
        self._records = [Record(device_map, read) for read in planned]
        self._pdus = [modbus.read(FUNCTIONS[read.table], read.first, read.length) for read in planned]
        self.layouts = tuple(record.layout for record in self._records)
        self._station = station
        self._carrier = carrier
        self._missing: Callable[[bytes, bytes], int]
        self._payload: Callable[[bytes, bytes], bytes]
        codec = {"rtu": modbus_rtu, "ascii": modbus_ascii, "tcp": modbus_tcp}[carrier]
        self._missing, self._payload = codec.missing, codec.payload
        self._asked = 0  # how often; tells part and transaction
        self._request = self._frame()

    def ask(self, now_ms: int) -> bytes | None:
        """The reads of the map in turn."""
        self._request = self._frame()
        self._asked += 1
        return self._request

    def missing(self, heard: bytes) -> int:
        """See LineDriver."""
        return self._missing(heard, self._request)

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        part = max(0, self._asked - 1) % len(self.reads)
        values = self._payload(frame, self._request)
        if len(values) != self._records[part].size:
            raise Nonsense("length", f"{len(values)} bytes of values, the map says {self._records[part].size}")
        return self._records[part].make(values, part)

    def _frame(self) -> bytes:
        pdu = self._pdus[self._asked % len(self._pdus)]
        if self._carrier == "tcp":
            return modbus_tcp.request(self._asked, self._station, pdu)
        if self._carrier == "ascii":
            return modbus_ascii.request(self._station, pdu)
        return modbus_rtu.request(self._station, pdu)
