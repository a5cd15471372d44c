"""A relay node on a board: one cycle of inputs, bus, logic, output and watchdog, always in this order.

No wait, print, flash write or allocation in `cycle`; a test and the VM bench look.
"""

from minegate_hal.boot_facts import boot_nonce, reset_cause, session
from minegate_hal.watchdog import Watchdog
from minegate_node.can_link import CanLink
from minegate_node.gate import BUS, INPUTS, LOGIC, OUTPUT, Gate
from minegate_node.methane import Methane
from minegate_node.relay import RelayNode
from minegate_wire.messages import RESET_WATCHDOG
from minegate_wire.seal import Seal

_TICKS_MASK = (1 << 30) - 1
_FRAMES_MAX = 4  # per cycle from the CAN bus


class RelayBoard:
    """`board` is a board file (firmware/boards/README.md), `identity` the node's own address, baud rate and key."""

    def __init__(self, board, identity) -> None:
        self.contactor = board.contactor()  # first of all: off
        cause = reset_cause()
        self._watchdog = Watchdog(board.WATCHDOG_MS)
        self._input = board.methane_input()
        methane = None
        if self._input is not None:
            methane = Methane(board.methane_signal(), board.LIMIT_PPM, board.STALE_MS, board.STUCK_MS)
        seal = Seal(identity.KEY, session()) if identity.KEY else None
        resets = 1 if cause == RESET_WATCHDOG else 0
        self.node = RelayNode(identity.NODE, boot_nonce(), cause, methane, seal, resets)
        self.gate = Gate(board.CYCLE_MAX_MS)
        self._line = board.line(identity.BAUD)
        port = board.can()
        self._can = None if port is None else CanLink(identity.NODE, port)
        self._last_ms = -1

    def cycle(self, now_ms) -> None:
        """Once per turn of the plain loop; `now_ms` is what `ticks_ms` says, a type of its own in the stubs."""
        cycle_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        node = self.node
        if self._input is not None:
            raw = self._input.sample(now_ms)
            if raw >= 0 and node.methane is not None:
                node.methane.take(raw)
        self.gate.did(INPUTS)
        self._speak(now_ms)
        self.gate.did(BUS)
        energised = node.step(now_ms, self.contactor.closed())
        self.gate.did(LOGIC)
        self.contactor.drive(energised)
        self.gate.did(OUTPUT)
        self._watchdog.end_cycle(self.gate.passes(cycle_ms, energised, node.guarded(), self.contactor.agrees()))

    def _speak(self, now_ms: int) -> None:
        line = self._line
        if line is not None:
            line.step()
            self.node.feed(line.buf, line.read())
            length = self.node.reply_length()
            if length:
                line.send(self.node.frame.line, length)
        can = self._can
        if can is not None:
            self.node.bus_off(can.step(now_ms))
            for _ in range(_FRAMES_MAX):
                received = can.hear()
                if received is None:
                    return
                self.node.take(received)
                if self.node.reply_length():
                    can.send(self.node.frame)
