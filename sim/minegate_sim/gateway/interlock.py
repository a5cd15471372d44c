"""The real interlock as a program: its own selector is polled, its own `next_ms` is when it is due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.process import Process
from minegate_interlock.rules import load
from minegate_interlock.world import Folder, Line, World
from minegate_sim.virtual.clocks import SimClock

_LATE_MS = 1e-6  # see program.py


class InterlockProgram:
    """Building it starts it. OSError or RulesError as the real one."""

    def __init__(
        self, rules: Path, run_folder: Path, clock: SimClock, boot: int, open_line: Callable[[AnyOutput, Folder], Line]
    ) -> None:
        self.name = "interlock"
        self.stalled = False
        self._clock = clock
        run_folder.mkdir(parents=True, exist_ok=True)
        loaded = load(rules.read_bytes(), rules.name)
        self._process = Process(loaded, rules, run_folder, World(clock.monotonic_ms, boot, open_line))
        self.due_ms = 0.0
        self._descriptor = self._process.selector.fileno()

    def fileno(self) -> int:
        """See Program."""
        return self._descriptor

    def turn(self, *, readable: bool) -> None:
        """See Program."""
        self._process.turn(self._process.selector.select(0) if readable else [])
        self.due_ms = self._clock.true_at_ms(self._process.next_ms / 1000.0) + _LATE_MS

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._process.open_all()
        self._process.close()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.close()
