"""The heading 1201 for the interlock's tests: the example's rules, and a story that is told to the judge."""

from __future__ import annotations

from pathlib import Path

import minegate_interlock
from minegate_interlock.judge import judge
from minegate_interlock.rules import Rules, load
from minegate_interlock.state import Event, Heard, OutputsUp, Power, Reset, Tick, begin
from minegate_interlock.verdicts import Edge, edges

EXAMPLE = Path(minegate_interlock.__file__).parent.parent / "example" / "rules.toml"
AREA = "heading-1201"
T1, T2, FAN, FLOW = "1201-T1-ch4", "1201-T2-ch4", "1201-fan-run", "1201-duct-flow"
GOOD = {T1: 0.5, T2: 0.5, FAN: 1.0, FLOW: 8.0}
STALE_MS = 1200
LOCK_MS = 60_000


def rules() -> Rules:
    """The example as it is shipped."""
    return load(EXAMPLE.read_bytes(), "rules.toml")


class Story:
    """A state and its clock. Every step is judged; `edges` are what was told since the last `take`."""

    def __init__(self, own: Rules | None = None, now_ms: int = 0) -> None:
        self.rules = own or rules()
        self.now_ms = now_ms
        self.state = begin(self.rules, now_ms)
        self._edges: list[Edge] = []

    def tell(self, event: Event) -> None:
        after = judge(self.rules, self.state, event, self.now_ms)
        self._edges += edges(self.rules, self.state, after, event)
        self.state = after

    def hear(self, point: str, value: float, quality: int = 0, age_ms: int = 0) -> None:
        self.tell(Heard(point, value, quality, self.now_ms - age_ms))

    def hear_all(self, **changed: float) -> None:
        for point, value in {**GOOD, **changed}.items():
            self.hear(point, value)

    def wait(self, ms: int) -> None:
        self.now_ms += ms
        self.tell(Tick())

    def healthy(self) -> Story:
        """Every lock over and nothing against power; nobody has asked yet."""
        for area in self.rules.areas:
            self.tell(OutputsUp(area.name, True))
        self.wait(self.rules.timing.power_on_lock_s * 1000)
        self.hear_all()
        return self

    def permitted(self) -> Story:
        """Healthy, and a person has reset every area."""
        self.healthy()
        for area in self.rules.areas:
            self.tell(Reset(area.name, "Li"))
        assert all(power.permitted for power in self.state.areas)
        self.take()
        return self

    def take(self) -> list[Edge]:
        told, self._edges = self._edges, []
        return told

    @property
    def area(self) -> Power:
        return self.state.areas[0]
