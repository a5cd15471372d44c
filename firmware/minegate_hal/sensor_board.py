"""A sensor node on a board: sampling, a serial line that speaks the minegate wire or Modbus RTU, and a CAN publisher.

Tasks of asyncio, because a reading that is late is flagged by its age and nothing here holds a contact. Each task says
that it ran; one that died or hangs starves the watchdog.
"""

import asyncio

from minegate_hal.boot_facts import boot_nonce, reset_cause
from minegate_hal.watchdog import Watchdog
from minegate_node.can_link import CanLink
from minegate_node.gate import BUS, INPUTS, LOGIC, OUTPUT, Gate
from minegate_node.modbus_slave import ModbusSlave, gap_ms
from minegate_node.registers import Registers
from minegate_node.sensor import FIRMWARE, SensorNode
from minegate_wire.messages import READING, SENSOR_NODE, WIRE_VERSION

_TICKS_MASK = (1 << 30) - 1
LINE_MS = 2  # how often the line is looked at
WATCH_MS = 200


class SensorBoard:
    """`board` is a board file, `identity` the node's address, baud rate and protocol."""

    def __init__(self, board, identity, ticks_ms) -> None:
        cause = reset_cause()
        nonce = boot_nonce()
        self._watchdog = Watchdog(board.WATCHDOG_MS)
        self._ticks_ms = ticks_ms
        self._sample_ms = board.SAMPLE_MS
        self._publish_ms = identity.PUBLISH_MS
        self._inputs = board.sensor_inputs()  # (input, Channel) per channel
        self.channels = [channel for _, channel in self._inputs]
        self.node = SensorNode(identity.NODE, len(self.channels), nonce, cause)
        many = len(self.channels)
        self.facts = [SENSOR_NODE, WIRE_VERSION, FIRMWARE, nonce, many, cause, 0, 0, 0, 0]
        self.modbus = None
        if identity.PROTOCOL == "modbus":
            self.modbus = ModbusSlave(identity.NODE, Registers(self.channels, self.facts), gap_ms(identity.BAUD))
        self._line = board.line(identity.BAUD)
        port = board.can()
        self._can = None if port is None else CanLink(identity.NODE, port)
        self.gate = Gate(board.CYCLE_MAX_MS + WATCH_MS)
        self._uptime_ms = 0
        self._published_ms = 0
        self._last_ms = -1

    async def run(self) -> None:
        """For ever. Nobody awaits the tasks: one that dies is found by the watchdog."""
        self.tasks = [asyncio.create_task(task) for task in (self._measure(), self._talk())]
        last_ms = self._ticks_ms()
        while True:
            await asyncio.sleep_ms(WATCH_MS)
            now_ms = self._ticks_ms()
            self.gate.did(LOGIC)
            self.gate.did(OUTPUT)  # a sensor node has none
            self._watchdog.end_cycle(self.gate.passes((now_ms - last_ms) & _TICKS_MASK, False, True, True))
            last_ms = now_ms

    def measure(self, now_ms: int) -> None:
        """One turn over all channels."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        self.node.step(now_ms)
        for number in range(len(self._inputs)):
            source, channel = self._inputs[number]
            channel.pass_ms(elapsed_ms)
            raw = source.sample(now_ms)
            if raw >= 0:
                channel.take(raw)
                self.node.set(number, channel.value, channel.status())
        self._count(elapsed_ms)

    def talk(self, now_ms: int) -> None:
        """One look at the line."""
        line = self._line
        if line is None:
            return
        line.step()
        length = line.read()
        if self.modbus is not None:
            self.modbus.feed(line.buf, length, now_ms)
            due = self.modbus.step(now_ms)
            if due:
                line.send(self.modbus.out, due)
            return
        self.node.feed(line.buf, length)
        due = self.node.reply_length()
        if due:
            line.send(self.node.frame.line, due)

    def publish(self, now_ms: int) -> None:
        """One turn of the CAN bus: answer what is asked, and tell all channels every `PUBLISH_MS`."""
        can = self._can
        if can is None or can.step(now_ms):
            return
        received = can.hear()
        if received is not None and self.node.take(received):
            self.node.reply_length()
            can.send(self.node.frame)
        elif (now_ms - self._published_ms) & _TICKS_MASK >= self._publish_ms:
            self._published_ms = now_ms
            can.send(self.node.make(READING))

    async def _measure(self) -> None:
        while True:
            self.measure(self._ticks_ms())
            self.gate.did(INPUTS)
            await asyncio.sleep_ms(self._sample_ms)

    async def _talk(self) -> None:
        while True:
            now_ms = self._ticks_ms()
            self.talk(now_ms)
            self.publish(now_ms)
            self.gate.did(BUS)
            await asyncio.sleep_ms(LINE_MS)

    def _count(self, elapsed_ms: int) -> None:
        self._uptime_ms += elapsed_ms
        seconds = self.facts[8] << 16 | self.facts[9]
        seconds = min(seconds + self._uptime_ms // 1000, 1 << 28)
        self._uptime_ms %= 1000
        self.facts[8] = seconds >> 16
        self.facts[9] = seconds & 0xFFFF
        if self.modbus is not None:
            self.facts[6] = self.modbus.good
            self.facts[7] = self.modbus.bad
