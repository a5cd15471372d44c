"""Where readings and events get their number: tally first, then the hold. The only way into the hand-over."""

from __future__ import annotations

import asyncio
from typing import Any

from minegate_agent.clock import Clock
from minegate_agent.config import Hold as HoldLimits
from minegate_agent.field.hold import ITEM_OVERHEAD_BYTES, Hold, Item, Lost
from minegate_agent.field.tally import Tally
from minegate_agent.scan import Scan
from minegate_drivers.sdk import Heard

_EVENT_BYTES = 400
_CLOCK_LOOK_MS = 500  # what is known of the clock is asked of the disk: not for every scan


class Produce:
    """Numbers what this boot produces. `fresh` is set whenever there is something new to hand over, `urgent` if that is
    an event.
    """

    def __init__(self, clock: Clock, tally: Tally, limits: HoldLimits) -> None:
        self.fresh = asyncio.Event()
        self.urgent = asyncio.Event()
        self.hold = Hold(limits.items_max, limits.bytes_max, self._declare)
        self.boot = tally.boot
        self.previous = tally.previous
        self._clock = clock
        self._tally = tally
        self._clock_quality = 0
        self._looked_ms: int | None = None

    def scan(self, device: int, heard: Heard, mono_ms: int) -> Scan:
        """One answer, believed at `mono_ms`."""
        utc_ms = self._clock.utc_ms()
        number = self._tally.next()
        clock = self._quality(mono_ms)
        scan = Scan(self.boot, number, device, heard.part, heard.quality, mono_ms, utc_ms, clock, heard.record)
        body = (number, "s", device, heard.part, int(heard.quality), mono_ms, utc_ms, clock, heard.record)
        self._keep(Item(number, utc_ms, body, len(heard.record) + ITEM_OVERHEAD_BYTES))
        return scan

    def event(self, kind: str, **more: Any) -> None:
        """One edge that somebody will want to have explained."""
        utc_ms = self._clock.utc_ms()
        number = self._tally.next()
        event = {"kind": kind, "from": "field", "utc_ms": utc_ms, "boot": self.boot, "number": number, **more}
        self._keep(Item(number, utc_ms, (number, "e", utc_ms, event), _EVENT_BYTES))
        self.urgent.set()

    def _quality(self, mono_ms: int) -> int:
        if self._looked_ms is None or not 0 <= mono_ms - self._looked_ms < _CLOCK_LOOK_MS:
            self._looked_ms = mono_ms
            self._clock_quality = int(self._clock.quality())
        return self._clock_quality

    def _keep(self, item: Item) -> None:
        self.hold.add(item)
        self.fresh.set()

    def _declare(self, lost: Lost) -> None:
        self.event(
            "loss",
            reason="hold_full",
            first=lost.first,
            last=lost.last,
            count=lost.last - lost.first + 1,
            from_utc_ms=lost.from_utc_ms,
            to_utc_ms=lost.to_utc_ms,
        )
