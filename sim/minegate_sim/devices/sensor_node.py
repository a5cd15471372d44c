"""The sensor node as a device on the wire: the project's own firmware (minegate_node.sensor), and a supply."""

from __future__ import annotations

from collections.abc import Sequence

from minegate_node.sensor import SensorNode
from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults


class SensorBoard:
    """Node `address` with one integer value per channel."""

    def __init__(self, name: str, address: int, values: Sequence[int], boot_nonce: int) -> None:
        self.name = name
        self.faults = Faults()
        self.values = list(values)
        self._node = SensorNode(address, len(self.values), boot_nonce)
        self._answer = b""
        self._due_ms = NEVER

    def measure(self, values: Sequence[int], now_ms: float) -> None:
        """What the inputs read now, in the scale of the channels."""
        self._node.step(int(now_ms))
        if self.faults.frozen or self.faults.dead:
            return
        self.values = list(values)
        for channel, value in enumerate(values):
            self._node.set(channel, value, 0)

    def take(self, data: bytes, at_ms: float) -> None:
        """See LineDevice."""
        self._node.step(int(at_ms))
        self._node.feed(data)
        self._answer = self._node.reply()
        self._due_ms = at_ms if self._answer else NEVER

    def step(self, at_ms: float) -> bytes:
        """See LineDevice."""
        answer, self._answer, self._due_ms = self._answer, b"", NEVER
        return answer

    def due_ms(self) -> float:
        """See LineDevice."""
        return self._due_ms
