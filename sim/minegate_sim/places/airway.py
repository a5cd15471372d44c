"""A return airway with one methane head and one relay: the smallest place that can trip, for shifts that are long.

The air of the airway is one well-mixed volume, so its equation has an exact solution for any length of step:
dC/dt = (q - Q C) / V, with C the share of methane, q m3/s given off, Q m3/s of air, V m3 of airway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from minegate_agent.site import FILE
from minegate_sim.devices.gas_head import GasHead
from minegate_sim.devices.relay_board import RelayBoard
from minegate_sim.faults import Faults
from minegate_sim.noise import source
from minegate_sim.place import Speaker, Truth
from minegate_sim.places.wishes import chosen, flag, number
from minegate_sim.wire import USB_PIECE_BYTES, Wire

TICK_MS = 1000.0
POINT, OUTPUT = "1201-T2-ch4", "relay-1"
VOLUME_M3 = 600.0  # 50 m of 12 m2
AIR_M3_S = 6.0
EMISSION_M3_MIN, EMISSION_M3_MIN_MAX = 1.8, 100.0  # 0.5 % CH4, settled
BURST_M3_MAX = 600.0

GATEWAY = """\
[gateway]
mine = "140109000001"
id = "gw-airway"

[[port]]
name = "rs485-1"
kind = "serial"
device = "sim/rs485-1"
baud = 9600

[[device]]
number = 1
name = "T2-head"
port = "rs485-1"
driver = "gas_head"
period_ms = 1000
timeout_ms = 80
[device.options]
station = 1

[[point]]
number = 1
name = "1201-T2-ch4"
device = "T2-head"
field = "ch4"

[journal]
commit_ms = 1000             # a reading goes out a second later, and the flash is written to once a second

[uplink]
host = "127.0.0.1"
block_ms = 5000              # an alarm goes out at once all the same

[page]
enabled = false
"""

# 1100 + tick 200 + lease 700 is just the 2 s from over-limit to open contact; every number is within its limits.
RULES = """\
[timing]
tick_ms = 200
power_on_lock_s = 60
lease_ms = 700
renew_ms = 349

[[output]]
name = "relay-1"
device = "sim/relay-1"
baud = 9600
node = 9

[[area]]
name = "airway-1201"
outputs = ["relay-1"]

[[limit]]
area = "airway-1201"
point = "1201-T2-ch4"
unit = "%CH4"
low = 0.0
high = 4.0
alarm = 1.0
cut = 1.0
restore = 1.0
stale_ms = 1100
source = "methane table of AQ 1029-2007, heading return T2: alarm 1.0, cut 1.0, restore below 1.0"
"""


class Airway:
    """See Place. `speed`: seconds of the air in one second of the clock."""

    speakers: Mapping[str, Speaker] = {}

    def __init__(self, seed: int, speed: float = 1.0) -> None:
        nonce = source(seed, "boot nonces").randrange(1, 65536)
        self.share = EMISSION_M3_MIN / 60.0 / AIR_M3_S
        self.emission_m3_min = EMISSION_M3_MIN
        self.head = GasHead("T2-head", 1, source(seed, "T2-head"))
        self.relay = RelayBoard("relay", 9, nonce, self._moved, 0.0)
        self.faults: dict[str, Faults] = {device.name: device.faults for device in (self.head, self.relay)}
        self.ends = {
            "rs485-1": Wire((self.head,), source(seed, "rs485-1"), piece_bytes=USB_PIECE_BYTES),
            "relay-1": Wire((self.relay,), source(seed, "relay-1"), piece_bytes=USB_PIECE_BYTES),
        }
        self._speed = speed
        self._next_ms = 0.0
        self._truths = [Truth(0.0, "contact_open", {"contact": OUTPUT})]

    @property
    def devices(self) -> Collection[str]:
        """See Place."""
        return self.faults.keys()

    def site(self) -> Mapping[str, str]:
        """See Place."""
        return {FILE: GATEWAY, "rules.toml": RULES}

    def step(self, now_ms: float) -> None:
        """See Place."""
        while self._next_ms <= now_ms:
            dt_s = TICK_MS / 1000.0 * self._speed
            settled = self.emission_m3_min / 60.0 / AIR_M3_S
            self.share = settled + (self.share - settled) * math.exp(-dt_s * AIR_M3_S / VOLUME_M3)
            self.head.measure(100.0 * self.share, dt_s, self._next_ms)
            self._next_ms += TICK_MS

    def due_ms(self) -> float:
        """See Place."""
        return self._next_ms

    def values(self) -> Mapping[str, float]:
        """See Place."""
        silent = self.head.faults.dead or self.ends["rs485-1"].is_cut
        return {POINT: math.nan if silent else self.head.shown_percent}

    def truths(self) -> Mapping[str, float]:
        """See Place."""
        return {POINT: 100.0 * self.share}

    def contacts(self) -> Mapping[str, bool]:
        """See Place."""
        return {OUTPUT: self.relay.closed}

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """See Place: `emission` (m3_min), `burst` (m3), `fault` (device, fault, value), `cable` (port, cut)."""
        acts: dict[str, Callable[[], None]] = {
            "emission": lambda: setattr(self, "emission_m3_min", number(wish, "m3_min", EMISSION_M3_MIN_MAX)),
            "burst": lambda: self._burst(number(wish, "m3", BURST_M3_MAX)),
            "fault": lambda: chosen(self.faults, wish, "device").set(str(wish.get("fault")), wish.get("value")),
            "cable": lambda: setattr(chosen(self.ends, wish, "port"), "is_cut", flag(wish, "cut")),
        }
        chosen(acts, wish, "do")()
        self._truths.append(Truth(now_ms, str(wish["do"]), {key: wish[key] for key in wish if key != "do"}))
        return {}

    def take_truths(self) -> list[Truth]:
        """See Place."""
        taken, self._truths = self._truths, []
        return taken

    def _burst(self, m3: float) -> None:
        """Methane takes the place of air that it pushes out."""
        self.share += (1.0 - self.share) * m3 / VOLUME_M3

    def _moved(self, at_ms: float, closed: bool) -> None:
        self._truths.append(Truth(at_ms, "contact_closed" if closed else "contact_open", {"contact": OUTPUT}))
