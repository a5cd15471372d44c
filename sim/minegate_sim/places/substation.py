"""A substation that watches and cuts nothing: 100 sensors with a value and a state each, read once a second.

200 points at 1 Hz are more than a KJ substation has (16 to 64 inputs). Values and states lie in one run of registers,
so that one request brings them all. The gateway has no interlock: a place without `rules.toml`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from minegate_agent.site import FILE
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.faults import Faults
from minegate_sim.noise import source
from minegate_sim.place import Speaker, Truth
from minegate_sim.places.wishes import chosen, flag
from minegate_sim.wire import FIFO_128_BYTES, Wire

TICK_MS = 1000.0
SENSORS = 100
STATES_AT = SENSORS  # the register behind the values; 16 states in each
STATE_REGISTERS = -(-SENSORS // 16)
CHANGES = 10  # values that move in a second: most stand still for longer
PORT, BAUD, DEVICE = "rs485-1", 38_400, "cabinet"
VALUES = tuple(f"cabinet-v{number:02}" for number in range(SENSORS))
STATES = tuple(f"cabinet-s{number:02}" for number in range(SENSORS))

_GATEWAY = f"""\
[gateway]
mine = "140109000001"
id = "gw-substation"

[[port]]
name = "{PORT}"
kind = "serial"
device = "sim/{PORT}"
baud = {BAUD}

[[device]]
number = 1
name = "{DEVICE}"
port = "{PORT}"
driver = "modbus"
period_ms = 1000
[device.options]
map = "cabinet.toml"
station = 1

[journal]
commit_ms = 1000             # the flash is written to once a second

[uplink]
host = "127.0.0.1"
block_ms = 1000
backoff_max_s = 60.0         # an outage that lasts is not ended by asking each second

[page]
enabled = false
"""
_MAP = """\
[device]
name = "cabinet"
title_en = "Cabinet of a substation"
title_zh = "分站机柜"
source = "this simulator"
table = "holding"
"""


class Substation:
    """See Place."""

    speakers: Mapping[str, Speaker] = {}

    def __init__(self, seed: int, speed: float = 1.0) -> None:
        self.cabinet = ModbusSlave(DEVICE, 1, holding=SENSORS + STATE_REGISTERS, baud=BAUD)
        self.faults: dict[str, Faults] = {DEVICE: self.cabinet.faults}
        self.ends = {PORT: Wire((self.cabinet,), source(seed, PORT), baud=BAUD, piece_bytes=FIFO_128_BYTES)}
        self._chance = source(seed, "registers")
        self.cabinet.holding[:SENSORS] = [self._chance.randrange(200, 60_000) for _ in range(SENSORS)]
        self._next_ms = 0.0
        self._truths: list[Truth] = []

    @property
    def devices(self) -> Collection[str]:
        """See Place."""
        return self.faults.keys()

    def site(self) -> Mapping[str, str]:
        """See Place."""
        points = [
            f'[[point]]\nnumber = {number}\nname = "{name}"\ndevice = "{DEVICE}"\nfield = "{name[-3:]}"\n'
            for number, name in enumerate((*VALUES, *STATES), 1)
        ]
        fields = [
            f'[[field]]\nname = "{name[-3:]}"\ntitle_en = "Value {number}"\ntitle_zh = "第{number}路"\n'
            f'register = {number}\ntype = "u16"\n'
            for number, name in enumerate(VALUES)
        ]
        fields += [
            f'[[field]]\nname = "{name[-3:]}"\ntitle_en = "State {number}"\ntitle_zh = "第{number}路状态"\n'
            f'register = {STATES_AT + number // 16}\ntype = "u16"\nbit = {number % 16}\nbits = 1\n'
            for number, name in enumerate(STATES)
        ]
        return {FILE: "\n".join([_GATEWAY, *points]), "cabinet.toml": "\n".join([_MAP, *fields])}

    def step(self, now_ms: float) -> None:
        """See Place."""
        holding, chance = self.cabinet.holding, self._chance.random
        while self._next_ms <= now_ms:
            for _ in range(CHANGES):
                at = int(chance() * SENSORS)
                holding[at] = (holding[at] + int(chance() * 21.0) - 10) & 0xFFFF
            self._next_ms += TICK_MS
            state = int(chance() * SENSORS)
            holding[STATES_AT + state // 16] ^= 1 << state % 16

    def due_ms(self) -> float:
        """See Place."""
        return self._next_ms

    def values(self) -> Mapping[str, float]:
        """See Place."""
        found = self.truths()
        silent = self.cabinet.faults.dead or self.ends[PORT].is_cut
        return dict.fromkeys(found, math.nan) if silent else found

    def truths(self) -> Mapping[str, float]:
        """See Place: a register holds what it holds."""
        holding = self.cabinet.holding
        found = {name: float(holding[number]) for number, name in enumerate(VALUES)}
        return found | {name: float(holding[STATES_AT + at // 16] >> at % 16 & 1) for at, name in enumerate(STATES)}

    def contacts(self) -> Mapping[str, bool]:
        """See Place: there is none."""
        return {}

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """See Place: `fault` (device, fault, value), `cable` (port, cut)."""
        acts: dict[str, Callable[[], None]] = {
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
