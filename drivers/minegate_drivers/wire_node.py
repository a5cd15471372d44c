"""A sensor node of this project on a serial line: asked for READING, it answers one frame with a row per channel."""

from __future__ import annotations

from typing import ClassVar

from minegate_drivers.sdk import Catalogued, Heard, LineDriver, Nonsense, Option
from minegate_drivers.wire_rows import CHANNELS_MAX, ROW_BYTES, WireRows
from minegate_wire.frame import FRAME_MAX, HEAD, SUM, Receiver, encode
from minegate_wire.messages import ASK, READING, WIRE_VERSION

__all__ = ["CHANNELS_MAX", "WireNode"]

_AROUND_BYTES = HEAD + SUM + 3  # what a frame of up to FRAME_MAX has besides its rows; 3: COBS code, two zeros


class WireNode(LineDriver, Catalogued):
    """Sensor node on the minegate wire: all channels in one answer, each with status, age and sample count."""

    name: ClassVar[str] = "wire_node"
    options: ClassVar[dict[str, Option]] = {
        "node": Option(int, low=1, high=255, help="address of the node"),
        "channels": Option(str, help="one channel per line: number name [quantity= unit= scale= offset= low= high=]"),
        "age_max_ms": Option(int, 1000, low=10, high=60_000, help="a value older than this is stale"),
    }

    def __init__(self, *, node: int, channels: str, age_max_ms: int) -> None:
        self._rows = WireRows(node, channels, age_max_ms, self.name)
        self._request = encode(node, ASK, ((READING,),))
        self._answer_bytes = _AROUND_BYTES + ROW_BYTES * self._rows.many
        self._asked_ms = 0
        self.layouts = (self._rows.layout,)

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        self._asked_ms = now_ms
        return self._request

    def missing(self, heard: bytes) -> int:
        """Up to the zero byte that closes an opened frame; what comes before its opening zero is not ours."""
        opened = heard.find(0)
        frame = b"" if opened < 0 else heard[opened:].lstrip(b"\0")
        if 0 in frame or len(heard) > 2 * self._answer_bytes + FRAME_MAX:
            return 0
        opening = 0 if opened < 0 else 1
        return max(1, self._answer_bytes - opening - len(frame))

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        return self._rows.heard(_plain(frame), self._asked_ms)


def _plain(heard: bytes) -> bytes:
    """Version, node, kind and rows of the first good frame in `heard`. Raises Nonsense."""
    receiver = Receiver()
    for byte in heard:
        if receiver.feed(byte):
            return bytes(receiver.buf[: receiver.length - SUM])
    if receiver.bad == 0:
        raise Nonsense("length", f"{len(heard)} bytes and no end of a frame")
    if receiver.bad == 1 and receiver.buf[0] != WIRE_VERSION:
        raise Nonsense("format", f"wire version {receiver.buf[0]}, this gateway speaks {WIRE_VERSION}")
    raise Nonsense("crc", f"none of {receiver.bad} frames is whole")
