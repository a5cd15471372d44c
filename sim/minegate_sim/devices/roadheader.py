"""The roadheader's PLC on CAN: publishes by itself the messages of the DBC file that ships with the drivers.

The PLC has a buffered supply of its own: when the area is cut it goes on talking, with all currents at zero.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Protocol, cast

import cantools
from cantools.database.can import Database, Message

import minegate_drivers
from minegate_drivers.ports import CanFrame
from minegate_sim.faults import Faults
from minegate_sim.machine import Machine
from minegate_sim.noise import Wander

DBC = "roadheader.dbc"
PERIODS_MS = {"Motors": 100.0, "Environment": 200.0, "Liveness": 500.0, "Faults": 500.0}
GAS_LOCK_PERCENT = 1.5  # machine methane: alarm 1.0, cut-off 1.5 % CH4
FLOW_MIN_M_S = 0.25  # in the road

_POSITION_M = 27.0  # from the mouth: the head hangs on the machine, behind the cutter arm
CUTTER_A, CUTTER_IDLE_A, LOADER_A, PUMP_A = 128.0, 42.0, 31.0, 58.0


def dbc_path() -> Path:
    """The file that ships beside the driver."""
    return Path(minegate_drivers.__file__).parent / "dbc" / DBC


class Surroundings(Protocol):
    """The air around the machine."""

    def percent(self, position_m: float) -> float:
        """% CH4 at `position_m` metres from the mouth."""

    @property
    def road_m_s(self) -> float:
        """Air speed in the road."""


class Roadheader:
    """A CAN node; `step` gives the frames that are due."""

    def __init__(self, name: str, chance: random.Random, now_ms: float) -> None:
        self.name = name
        self.faults = Faults()
        self.sent = 0
        self.values: dict[str, float] = {}
        self._messages = _messages()
        self._due_ms = {frame: now_ms + period for frame, period in PERIODS_MS.items()}
        self._counter = 0
        self._load = Wander(chance, 9.0, 1.5)
        self._hum = Wander(chance, 0.8, 0.5)
        self._zero = Wander(chance, 0.006, 8.0)
        self.measure(Machine(), None, 0.0)

    def measure(self, machine: Machine, air: Surroundings | None, dt_s: float) -> None:
        """What the PLC's inputs read now. `air` is None before the first look."""
        load, hum, zero = self._load.step(dt_s), self._hum.step(dt_s), self._zero.step(dt_s)
        if self.faults.frozen or self.faults.dead:
            return
        methane = 0.0 if air is None else max(0.0, air.percent(_POSITION_M) + zero)
        speed = 0.0 if air is None else air.road_m_s
        cutter = (CUTTER_A + load if machine.cutting else CUTTER_IDLE_A + hum) if machine.running else 0.0
        self.values = {
            "CutterCurrent": cutter,
            "LoaderCurrent": LOADER_A + hum if machine.running else 0.0,
            "PumpCurrent": PUMP_A + hum if machine.running else 0.0,
            "OilTemperature": machine.oil_c,
            "PlcMode": float(machine.running),  # 0 off, 1 driven at the machine
            "RunHours": 1210.0 + machine.run_s / 3600.0,
            "MachineMethane": methane,
            "AirSpeed": speed,
            "Dust": 180.0 + 4.0 * load if machine.cutting else 12.0 + hum,
            "PumpOverload": 0.0,
            "CutterOverload": float(cutter > 400.0),
            "OilHot": float(machine.oil_c > 70.0),
            "GasLock": float(not methane < GAS_LOCK_PERCENT),
            "OilLow": 0.0,
            "WaterMissing": 0.0,
            "EmergencyStop": 0.0,
            "WindElectricLock": float(not speed >= FLOW_MIN_M_S),
        }

    def step(self, at_ms: float) -> list[CanFrame]:
        """Frames of the messages that are due at `at_ms`, by identifier: the lower one wins the bus."""
        frames = []
        for name, due_ms in self._due_ms.items():
            if due_ms <= at_ms:
                periods = 1 + (at_ms - due_ms) // PERIODS_MS[name]  # what was missed is not made up for
                self._due_ms[name] = due_ms + periods * PERIODS_MS[name]
                if not self.faults.dead:
                    frames.append(self._frame(name))
        self.sent += len(frames)
        return sorted(frames)

    def due_ms(self) -> float:
        """When the next message is due."""
        return min(self._due_ms.values())

    def _frame(self, name: str) -> CanFrame:
        if name == "Liveness" and not self.faults.frozen:
            self._counter = (self._counter + 1) & 0xFFFF
        message = self._messages[name]
        known = {**self.values, "PlcCounter": float(self._counter)}
        signals = {signal.name: known[signal.name] for signal in message.signals}
        for signal in message.signals:  # an input at its end stays there
            low, high = signal.minimum, signal.maximum
            value = signals[signal.name]
            signals[signal.name] = max(value if low is None else low, min(value, value if high is None else high))
        return CanFrame(message.frame_id, message.encode(signals), message.is_extended_frame)


def _messages() -> dict[str, Message]:
    database = cast(Database, cantools.database.load_file(str(dbc_path())))
    return {name: database.get_message_by_name(name) for name in PERIODS_MS}
