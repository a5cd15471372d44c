"""A sensor node of this project on a CAN bus: it tells READING by itself, a row per channel, in segments of 8 bytes.

Identifiers and segments are those of minegate_wire/can_frames.py, the same file the node runs; a READING of one
channel takes three frames, of two four. `say` is where a driver of a listening device learns the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Catalogued, Heard, Nonsense, Option
from minegate_drivers.wire_rows import WireRows
from minegate_wire.can_frames import GATEWAY, NODE_MAX, SEGMENT_MAX, Assembler, identifier
from minegate_wire.frame import SUM
from minegate_wire.messages import READING


class WireNodeCan(CanDriver, Catalogued):
    """Sensor node on the minegate wire over CAN: all channels at once, each with status, age and sample count."""

    name: ClassVar[str] = "wire_node_can"
    options: ClassVar[dict[str, Option]] = {
        "node": Option(int, low=1, high=NODE_MAX, help="address of the node"),
        "channels": Option(str, help="one channel per line: number name [quantity= unit= scale= offset= low= high=]"),
        "age_max_ms": Option(int, 1000, low=10, high=60_000, help="a value older than this is stale"),
        "publish_ms": Option(
            int, 200, low=10, high=60_000, help="how often the node tells: PUBLISH_MS of its identity"
        ),
    }

    def __init__(self, *, node: int, channels: str, age_max_ms: int, publish_ms: int) -> None:
        key = identifier(READING, GATEWAY, node), True
        self.can_ids = (key,)
        self.periods_ms: Mapping[tuple[int, bool], float] = MappingProxyType({key: float(publish_ms)})
        self._rows = WireRows(node, channels, age_max_ms, self.name)
        self._assembler = Assembler()
        self._now_ms = 0
        self.layouts = (self._rows.layout,)

    def hear(self, frame: CanFrame) -> Heard | None:
        """See CanDriver; None until the last segment. A lost or damaged segment costs its READING and no other."""
        if (frame.id, frame.extended) not in self.can_ids or frame.fd:
            raise Nonsense("foreign", f"identifier 0x{frame.id:x} is not the node's READING")
        assembler = self._assembler
        assembler.bad = 0  # it stops counting at 65535
        if not assembler.take(frame.data, min(len(frame.data), SEGMENT_MAX + 1)):
            if assembler.bad:
                raise Nonsense("crc", "segments that do not make a frame")
            return None
        return self._rows.heard(bytes(assembler.buf[: assembler.length - SUM]), self._now_ms)

    def say(self, now_ms: int) -> tuple[CanFrame, ...]:
        """See CanDriver. Nothing is asked; it is now `now_ms`."""
        self._now_ms = now_ms
        return ()
