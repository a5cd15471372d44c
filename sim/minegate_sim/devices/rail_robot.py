"""The inspection robot's word on the underground broker: VDA 5050 `state` and `connection`, version 2.0 or 3.0.

Gas travels as an `information` entry of type GAS (the standard has no place for it), as the project's driver `vda5050`
understands it. Headers count per topic; `connection` is retained and is also the last will.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from math import pi
from typing import Literal

from minegate_drivers.ports import Message
from minegate_sim.faults import Faults
from minegate_sim.noise import Wander
from minegate_sim.rail import Rail

PERIOD_MS = 1000.0  # the standard asks for at least one `state` in 30 s
VERSIONS = {2: "2.0.0", 3: "3.0.0"}
MAP_ID = "heading-1201"
CO_PPM, OXYGEN_PERCENT, H2S_PPM, TEMPERATURE_C, HUMIDITY_PERCENT = 2.0, 20.6, 0.4, 24.0, 88.0
EMPTY_V, FULL_V = 44.0, 54.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Gases = dict[str, float]


class RailRobot:
    """One robot. `step` gives the state message when it is due."""

    def __init__(
        self, name: str, manufacturer: str, serial: str, chance: random.Random, now_ms: float,
        version: Literal[2, 3] = 3,
    ) -> None:  # fmt: skip
        self.name = name
        self.faults = Faults()
        self.sent = 0
        self.rail = Rail()
        self.gases: Gases = {}
        self._manufacturer = manufacturer
        self._serial = serial
        self._version: Literal[2, 3] = version
        self._wander = {gas: Wander(chance, sigma, 8.0) for gas, sigma in _SIGMAS.items()}
        self._headers = {"state": 0, "connection": 0}
        self._due_ms = now_ms + PERIOD_MS
        self.measure(Rail(), 0.0, 0.0)

    def topic(self, last: str) -> str:
        """interface/version/manufacturer/serial/topic."""
        return f"vda5050/v{self._version}/{self._manufacturer}/{self._serial}/{last}"

    def measure(
        self, rail: Rail, ch4_percent: float, dt_s: float, *, co_ppm: float = CO_PPM,
        temperature_c: float = TEMPERATURE_C, oxygen_percent: float | None = None,
    ) -> None:  # fmt: skip
        """Where the robot is, and the air there. Without `oxygen_percent` methane displaces air."""
        oxygen = OXYGEN_PERCENT - 0.2 * ch4_percent if oxygen_percent is None else oxygen_percent
        strayed = {gas: wander.step(dt_s) for gas, wander in self._wander.items()}
        if self.faults.frozen or self.faults.dead:
            return
        self.rail = rail
        self.gases = {
            "CH4": max(0.0, ch4_percent + strayed["CH4"]),
            "CO": max(0.0, co_ppm + strayed["CO"]),
            "O2": oxygen + strayed["O2"],
            "H2S": max(0.0, H2S_PPM + strayed["H2S"]),
            "TEMP": temperature_c + strayed["TEMP"],
            "RH": min(100.0, HUMIDITY_PERCENT + strayed["RH"]),
        }

    def step(self, at_ms: float, utc_ms: int) -> Message | None:
        """The state message if one is due at `at_ms`."""
        if at_ms < self._due_ms:
            return None
        self._due_ms += PERIOD_MS * (1 + (at_ms - self._due_ms) // PERIOD_MS)  # what was missed is not made up for
        if self.faults.dead:
            return None
        self.sent += 1
        return self._message("state", self._state(), utc_ms)

    def due_ms(self) -> float:
        """When the next state is due."""
        return self._due_ms

    def connection(self, state: Literal["ONLINE", "OFFLINE", "CONNECTION_BROKEN"], utc_ms: int) -> Message:
        """To be published retained with QoS 1; CONNECTION_BROKEN is the last will."""
        word = state.replace("_", "") if self._version == 2 else state
        return self._message("connection", {"connectionState": word}, utc_ms)

    def _message(self, last: str, body: dict[str, object], utc_ms: int) -> Message:
        self._headers[last] = (self._headers[last] + 1) & 0xFFFFFFFF
        moment = _EPOCH + timedelta(milliseconds=utc_ms)
        head = {
            "headerId": self._headers[last],
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "version": VERSIONS[self._version],
            "manufacturer": self._manufacturer,
            "serialNumber": self._serial,
        }
        return Message(self.topic(last), json.dumps(head | body, separators=(",", ":")).encode())

    def _state(self) -> dict[str, object]:
        new = self._version == 3
        rail = self.rail
        stop = "MANUAL" if rail.stopped else "NONE"
        position = {
            "x": round(rail.x_m, 3),
            "y": 0.0,
            "theta": 0.0 if rail.heading > 0 else round(pi, 4),
            "mapId": MAP_ID,
        } | ({"localized": True} if new else {"positionInitialized": True})
        power = {
            "stateOfCharge" if new else "batteryCharge": round(rail.charge, 2),
            "charging": rail.charging,
            "batteryVoltage": round(EMPTY_V + (FULL_V - EMPTY_V) * rail.charge / 100.0, 2),
        }
        return {
            "orderId": "",
            "orderUpdateId": 0,
            "lastNodeId": "",
            "lastNodeSequenceId": 0,
            "nodeStates": [],
            "edgeStates": [],
            "mobileRobotPosition" if new else "agvPosition": position,
            "velocity": {"vx": rail.heading * rail.speed_m_s, "vy": 0.0, "omega": 0.0},
            "driving": rail.speed_m_s > 0.0,
            "actionStates": [],
            **({"instantActionStates": []} if new else {}),
            "powerSupply" if new else "batteryState": power,
            "operatingMode": "AUTOMATIC",
            "errors": [],
            "information": [_gas_information(self.gases)],
            "safetyState": {"activeEmergencyStop" if new else "eStop": stop, "fieldViolation": False},
        }


_SIGMAS = {"CH4": 0.006, "CO": 0.2, "O2": 0.02, "H2S": 0.05, "TEMP": 0.1, "RH": 0.5}
_DIGITS = {"CH4": 3, "CO": 1, "O2": 2, "H2S": 2, "TEMP": 1, "RH": 1}


def _gas_information(gases: Gases) -> dict[str, object]:
    pairs = [{"referenceKey": gas, "referenceValue": f"{value:.{_DIGITS[gas]}f}"} for gas, value in gases.items()]
    return {"infoType": "GAS", "infoLevel": "INFO", "infoReferences": pairs}
