"""Looks at the running demo: `Seen` for the story, a status document for the screen, field's tally for the account."""

from __future__ import annotations

import asyncio

from minegate_agent.clock import Clock
from minegate_agent.field.tally import noted
from minegate_tools.demo import simulator
from minegate_tools.demo.stage import Stage
from minegate_tools.demo.story import Seen
from minegate_tools.demo.verdicts import Verdicts
from minegate_tools.live import Document, NotRunning, document

FACE = "1201-T1-ch4"
FAN = "1201-fan-run"


class Watch:
    """Keeps the newest status, and the highest number that every boot of field has noted in its tally."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self.status: Document = {}
        self.produced: dict[int, int] = {}  # boot of field -> items produced
        self.verdicts = Verdicts(stage.run_folder)
        self._stage = stage
        self._clock = clock

    async def look(self) -> Seen:
        """Look once."""
        self.tally()
        try:
            self.status = await asyncio.to_thread(document, self._stage.run_folder)
        except NotRunning:
            # link was killed: what it said last is not what is; without a word nothing is permitted or delivered
            return self._seen({})
        return self._seen(self.status)

    def tally(self) -> None:
        """Note how much field has produced. After a kill this must be asked before the next boot starts."""
        now = noted(self._stage.run_folder / "field.tally")
        if now is not None:
            boot, number = now
            self.produced[boot] = max(number, self.produced.get(boot, 0))

    def value(self, point: str) -> float | None:
        """The last value of a point that the site knows."""
        row = next((row for row in self.status.get("points", ()) if row["name"] == point), None)
        return None if row is None else row.get("value")

    def _seen(self, status: Document) -> Seen:
        area: Document = next(iter(status.get("areas", ())), {})
        delivery = status.get("delivery", {})
        lost_ms = self._stage.outage_since_ms
        return Seen(
            permitted=area.get("state") == "permitted",
            restorable=bool(area.get("restorable")),
            contact_closed=simulator.contact_closed(simulator.truth(self._stage.sim_folder)),
            face_methane=self.value(FACE) or 0.0,
            fan_runs=bool(self.value(FAN)),
            connected=bool(delivery.get("connected")),
            waiting=delivery.get("waiting", 0),
            outage_s=0.0 if lost_ms is None else (self._clock.monotonic_ms() - lost_ms) / 1000,
        )
