"""The same losses in virtual time: each many times, one line, one relay, real field and interlock."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from minegate_agent.worst_case import Loss
from minegate_interlock.lines import Command, Verb
from minegate_sim.gateway.lines import Cable
from minegate_sim.mine import Mine
from minegate_sim.noise import source
from minegate_tools.bench.trip_cases import RESET_EVERY_MS, Shape
from minegate_tools.bench.trip_faults import bounds_ms
from minegate_tools.bench.trip_site import area
from minegate_tools.bench.trip_virtual import Lines

SMALL = Shape(lines=1, heads=4)
_STEP_MS = 10.0
_NEVER_MS = 10_000.0
_CALM_MS = (100.0, 400.0)
_DELAY_MS = 1500.0  # of lease frames, well above a lease


class Losses:
    """One mine in which `loss` happens again and again; `took_ms` from each to the open contact."""

    def __init__(self, loss: Loss, seed: int, folder: Path, shape: Shape = SMALL) -> None:
        self.took_ms: list[float] = []
        self._loss = loss
        self._lines = Lines(shape, seed)
        self._mine = Mine(self._lines, seed, folder, processes=("interlock", "field"), record_buses=False)
        self._chance = source(seed, loss.value)
        self._opened_ms = 0.0
        self._lines.moved = self._moved
        self.allowed_ms = bounds_ms(folder)[loss]

    def run(self, count: int) -> None:
        """That many of them."""
        with self._mine:
            for _ in range(count):
                self._close()
                self._mine.run_for(self._chance.uniform(*_CALM_MS))
                begun_ms = self._mine.now_ms
                self._strike(True)
                self._until(lambda: not self._lines.boards[0].closed)
                self.took_ms.append(self._opened_ms - begun_ms)
                self._strike(False)
                self._mine.record.lines.clear()

    @property
    def virtual_s(self) -> float:
        """How much time passed in the mine."""
        return self._mine.now_ms / 1000

    def _moved(self, line: int, at_ms: float, closed: bool) -> None:
        if not closed:
            self._opened_ms = at_ms

    def _close(self) -> None:
        """A person asks until the contact is closed."""
        until_ms = self._mine.now_ms + 6 * _NEVER_MS
        while not self._lines.boards[0].closed:
            assert self._mine.now_ms < until_ms, f"{self._loss.value}: the contact does not close any more"
            self._mine.gateway.command(Command(Verb.RESET, area(0), "bench", ""))
            self._mine.run_for(RESET_EVERY_MS)

    def _until(self, true: object) -> None:
        assert callable(true)
        until_ms = self._mine.now_ms + _NEVER_MS
        while not true():
            assert self._mine.now_ms < until_ms, f"{self._loss.value}: the contact stays closed"
            self._mine.run_for(_STEP_MS)

    def _strike(self, on: bool) -> None:
        gateway, loss = self._mine.gateway, self._loss
        if loss in (Loss.FIELD, Loss.INTERLOCK):
            if on:
                gateway.kill("field" if loss is Loss.FIELD else "interlock")
        elif loss is Loss.BUS:
            self._lines.sensors[0].is_cut = on
        elif loss is Loss.RELAY:
            self._lines.relays[0].is_cut = on
        else:
            relay = self._mine.cables["relay-0"]
            assert isinstance(relay, Cable)
            relay.delay_ms = _DELAY_MS if on else 0.0


def losses_in_virtual_time(loss: Loss, seed: int, count: int) -> tuple[list[float], float, float, float]:
    """(milliseconds of each, what is allowed, virtual seconds, CPU seconds)."""
    begun_s = time.process_time()
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        losses = Losses(loss, seed, Path(folder))
        losses.run(count)
    return losses.took_ms, losses.allowed_ms, losses.virtual_s, time.process_time() - begun_s
