"""The Gecko as its maker simulates it. None of this knows minegate's agent; it rides, measures, and speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from gecko_minegate.dock import answer_of, request_to

from minegate_drivers.ports import CanFrame, Message
from minegate_sim.faults import Faults
from minegate_sim.guests import Surroundings

NEVER = float("inf")
ROAD, LENGTH_M, SPEED_M_S = "heading", 110.0, 0.8
MOTOR_ID, MOTOR_MS = 0x21A, 100.0


class Gecko:
    """Rides to the face of a heading and back. See minegate_sim.place.Speaker."""

    def __init__(self, serial: int) -> None:
        self.name = f"gecko-{serial}"
        self.faults = Faults()
        self.x_m = 0.0
        self.ch4 = 0.0
        self._topic = f"gecko/{serial}/air"
        self._ahead = 1
        self._seq = 0
        self._due_ms = 1000.0

    def measure(self, around: Surroundings, dt_s: float) -> None:
        """Move, and feel the air there."""
        self.x_m = min(LENGTH_M, max(0.0, self.x_m + self._ahead * SPEED_M_S * dt_s))
        if self.x_m in (0.0, LENGTH_M):
            self._ahead = 1 if self.x_m == 0.0 else -1
        self.ch4 = around.at("ch4", ROAD, self.x_m)

    def step(self, at_ms: float, utc_ms: int) -> Message | None:
        """Once a second."""
        self._due_ms = at_ms + 1000.0
        if self.faults.dead:
            return None
        self._seq += 1
        said = {"seq": self._seq, "x": round(self.x_m, 2), "ch4": round(self.ch4, 3), "battery": 80, "fault": 0}
        return Message(self._topic, json.dumps(said).encode())

    def due_ms(self) -> float:
        """When it speaks next."""
        return self._due_ms


class Dock:
    """Its charger hangs on the power of the heading. See minegate_sim.far_end.LineDevice."""

    def __init__(self, station: int) -> None:
        self.name = f"dock-{station}"
        self.faults = Faults()
        self.live = True
        self._station = station
        self._heard = b""
        self._answer_ms = NEVER

    def measure(self, around: Surroundings, dt_s: float) -> None:
        """Whether there is power to charge with."""
        self.live = around.powered("heading-1")

    def take(self, data: bytes, at_ms: float) -> None:
        """Hear a run of characters."""
        self._heard = (self._heard + data)[-64:]
        if self._heard.endswith(request_to(self._station)):
            self._heard, self._answer_ms = b"", at_ms

    def step(self, at_ms: float) -> bytes:
        """Answer."""
        self._answer_ms = NEVER
        return answer_of(self._station, 24.6 if self.live else 0.0, 3.2 if self.live else 0.0, docked=False)

    def due_ms(self) -> float:
        """When the answer is due."""
        return self._answer_ms


class Motors:
    """The drive of the robot on its own CAN bus, as gecko.dbc describes it. See minegate_sim.slcan.CanNode."""

    name = "motors"

    def __init__(self) -> None:
        self._due_ms = MOTOR_MS

    def step(self, at_ms: float) -> list[CanFrame]:
        """Current in 0.1 A and temperature in degC."""
        self._due_ms = at_ms + MOTOR_MS
        return [CanFrame(MOTOR_ID, (85).to_bytes(2, "little") + bytes((41 + 40,)))]

    def due_ms(self) -> float:
        """When it speaks next."""
        return self._due_ms


async def patrol(say: Callable[[str], None], rounds: int, round_s: float) -> None:
    """A piece of the robot's own software: it reports each round."""
    for number in range(1, rounds + 1):
        await asyncio.sleep(round_s)
        say(f"round {number}")
