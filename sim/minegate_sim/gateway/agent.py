"""The gateway: the three real processes of one site, the supervisor's restarts, its disk, its clock and its power."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from minegate_agent.field.tally import noted
from minegate_agent.link.broker import BrokerSettings
from minegate_agent.link.journal import NotOurs
from minegate_agent.site import load_site
from minegate_agent.supervisor import restart_after_s
from minegate_interlock.lines import Command, pack
from minegate_sim.broker import Far, SimBroker
from minegate_sim.disk import PowerCut, SimDisk
from minegate_sim.gateway import person, worlds
from minegate_sim.gateway.can import CanCable
from minegate_sim.gateway.disk import HeldDisk
from minegate_sim.gateway.interlock import InterlockProgram
from minegate_sim.gateway.lines import Cable
from minegate_sim.gateway.messages import Underground
from minegate_sim.gateway.program import CRASHED, KILLED, LoopProgram
from minegate_sim.noise import source
from minegate_sim.record import Record
from minegate_sim.virtual.clocks import SimClock
from minegate_sim.virtual.conductor import Conductor
from minegate_sim.virtual.timeline import NEVER

PROCESSES = ("interlock", "field", "link")
BOOT_MS = 4000.0  # from power to the first process of a small Linux gateway
WRITE_BACK_MS = 5000.0  # how old a page of a memory map may be on the medium (Linux: dirty_writeback_centisecs 500)
TALLY = "field.tally"


class Gateway:
    """`folder` holds the site's files. `failed(text)` is told when a process ends by an error of its own."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        conductor: Conductor,
        record: Record,
        far: Far,
        underground: Underground,
        cables: dict[str, Cable | CanCable],
        failed: Callable[[str], None],
        processes: tuple[str, ...] = PROCESSES,
    ) -> None:
        self.site = load_site(folder)
        self.disk = SimDisk(seed)
        self.disk_latency_ms = (0.2, 6.0)  # of a commit: the common case, and the tail
        self.produced: dict[tuple[str, int], int] = {}  # per boot the last number that its process gave out
        self._asking: set[socket.socket] = set()
        self.field_boots: dict[int, int] = {}  # in the order in which they began, with the machine's start
        self.answers: list[tuple[float, str]] = []  # what the interlock told people, and when
        self.away_since_ms = dict.fromkeys(PROCESSES, 0.0)  # of a process that is stalled or not there
        self.on = False
        self.starts = dict.fromkeys(PROCESSES, 0)
        self._folder = folder
        self._seed = seed
        self._conductor = conductor
        self._timeline = conductor.timeline
        self._record = record
        self._far = far
        self._around = worlds.Around(self.site, cables, underground)
        self._failed = failed
        self._processes = processes
        self._chance = source(seed, "gateway")
        self._running: dict[str, LoopProgram | InterlockProgram] = {}
        self._boots: dict[str, int] = {}
        self._since_ms: dict[str, float] = {}
        self._waits_s = dict.fromkeys(PROCESSES, 0.0)
        self._life = 0  # counts power-ups: a restart planned before a power cut does not happen after it
        self._broker: SimBroker | None = None
        self._death: Exception | None = None
        self._written_back = b""
        self.drift_ppm = 0.0
        self.clocks = self._new_clocks()

    @property
    def timeline_now_ms(self) -> float:
        """True time."""
        return self._timeline.now_ms

    def running(self, name: str) -> bool:
        """Whether the process is there, stalled or not."""
        return name in self._running

    def boot_of(self, name: str) -> int:
        """The boot number of the process's last start; 0 if there was none."""
        return self._boots.get(name, 0)

    # -- power ------------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Power is there; the processes start when the system is up."""
        if not self.on:
            self.on = True
            self._life += 1
            self._note("power on")
            self.clocks = self._new_clocks()
            self._waits_s = dict.fromkeys(PROCESSES, 0.0)
            life = self._life
            self._timeline.after(BOOT_MS, lambda: self._boot(life))
            self._write_back(life)

    def power_off(self) -> None:
        """Power is gone, in the middle of whatever was going on."""
        if not self.on:
            return
        self.on = False
        self._life += 1
        self._note("power off")
        for name in list(self._running):
            self._drop(name, at_once=False)
        self.disk = self.disk.after_power_cut(self._chance.getrandbits(32))
        self._after_power_cut()

    def _boot(self, life: int) -> None:
        if life == self._life:
            for name in self._processes:
                self._start(name)

    def _after_power_cut(self) -> None:
        """The run folder as the file system kept it: sockets may be there, the tally is what was written back."""
        run = self.site.run_folder
        shutil.rmtree(run, ignore_errors=True)
        kept = self._chance.choice((b"", self._written_back))
        if kept:
            run.mkdir(parents=True)
            (run / TALLY).write_bytes(kept)

    def _write_back(self, life: int) -> None:
        if life == self._life:
            with suppress(FileNotFoundError):
                self._written_back = (self.site.run_folder / TALLY).read_bytes()
            self._timeline.after(WRITE_BACK_MS, lambda: self._write_back(life))

    # -- processes --------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        if name in self._running:
            self._drop(name, at_once=True)
            self._restart_later(name, KILLED)

    def end(self, name: str) -> None:
        """SIGTERM; the supervisor starts it again."""
        program = self._running.get(name)
        if program is None or program.stalled:
            return
        self._note(f"SIGTERM {name}")
        if isinstance(program, InterlockProgram):
            self._conductor.leave(program)
            program.ask_to_end()
            self._gone(name, 0)
        else:
            program.ask_to_end()

    def stall(self, name: str, stalled: bool) -> None:
        """SIGSTOP or SIGCONT."""
        if name in self._running and self._running[name].stalled != stalled:
            self._running[name].stalled = stalled
            self._away(name, stalled)
            self._note(f"{'stalled' if stalled else 'goes on'} {name}")

    def command(self, command: Command) -> None:
        """A person at the gateway asks the interlock for something; the answer stands in the record."""
        person.ask(self.site.run_folder, pack(command), self._timeline, self._answered, self._asking)

    def hang_up(self) -> None:
        """No time will pass any more: nobody waits for an answer."""
        for line in self._asking:
            line.close()

    def _answered(self, text: str) -> None:
        self._note(f"answer {text}")
        self.answers.append((self._timeline.now_ms, text))

    def _drop(self, name: str, *, at_once: bool) -> None:
        program = self._running.pop(name)
        self._away(name, True)
        self._note(f"{'SIGKILL' if at_once else 'power lost'} {name}")
        self._note_produced(name)
        self._conductor.leave(program)
        if name == "link" and self._broker is not None:
            self._broker.revoke(at_once=at_once)
        program.kill()
        if at_once:
            person.leave_socket_files(self.site.run_folder, name)

    def _ended(self, program: LoopProgram, error: BaseException | None) -> None:
        name = program.name
        if self._running.get(name) is not program:
            return
        if program.dying:
            self._died(name)
            return
        self._conductor.leave(program)
        if error is not None and not isinstance(error, OSError | NotOurs):  # these the real process tells, and ends
            self._failed(f"{name} ended with {type(error).__name__}: {error}")
        self._note_produced(name)
        self._gone(name, CRASHED if error else 0)

    def _died(self, name: str) -> None:
        """The disk ended it in the middle of an operation."""
        if isinstance(self._death, PowerCut):
            self.power_off()
            self._timeline.after(1000.0, self.power_on)
        else:
            self.kill(name)

    def _gone(self, name: str, code: int) -> None:
        del self._running[name]
        self._away(name, True)
        self._note(f"ended {name} {code}")
        self._restart_later(name, code)

    def _restart_later(self, name: str, code: int) -> None:
        ran_ms = int(self._timeline.now_ms - self._since_ms[name])
        self._waits_s[name] = restart_after_s(self._waits_s[name], ran_ms, code)
        life = self._life

        def again() -> None:
            if life == self._life and name not in self._running:
                self._start(name)

        self._timeline.after(1000.0 * self._waits_s[name], again)

    def _start(self, name: str) -> None:
        self.starts[name] += 1
        self.away_since_ms[name] = NEVER
        self._since_ms[name] = self._timeline.now_ms
        self._boots[name] = self._chance.getrandbits(32) or 1
        if name == "field":
            self.field_boots[self._boots[name]] = self._life
        self._note(f"start {name} boot {self._boots[name]}")
        if name == "interlock":
            self._running[name] = InterlockProgram(
                self._folder / "rules.toml",
                self.site.run_folder,
                self.clocks[name],
                self._boots[name],
                self._around.open_output,
            )
        else:
            self._running[name] = self._loop_program(name)
        self._conductor.join(self._running[name])

    def _loop_program(self, name: str) -> LoopProgram:
        held = HeldDisk(self.disk, self._dies)
        clock, boot = self.clocks[name], self._boots[name]
        main = (
            partial(worlds.field, self._around, clock, boot)
            if name == "field"
            else partial(worlds.link, self._around, clock, boot, f"life {self._life}", held, self._new_broker)
        )
        return LoopProgram(name, clock, main, latency_s=self._latency_s, ended=self._ended, revoke=held.revoke)

    def _new_broker(self, settings: BrokerSettings, wake: Callable[[], None]) -> SimBroker:
        self._broker = SimBroker(settings, self._far, self._timeline, wake)
        return self._broker

    def _dies(self, death: Exception) -> None:
        self._death = death
        link = self._running["link"]
        assert isinstance(link, LoopProgram)
        link.dying = True
        if self._broker is not None:
            self._broker.revoke(at_once=not isinstance(death, PowerCut))

    def _latency_s(self) -> float:
        common, tail = self.disk_latency_ms
        return (tail if self._chance.random() < 0.01 else common) / 1000.0

    def _note_produced(self, name: str) -> None:
        if name == "field":
            told = noted(self.site.run_folder / TALLY)
            if told is not None:
                # after a power cut an older state of the file may be there until the new boot writes its own
                self.produced["field", told[0]] = max(told[1], self.produced.get(("field", told[0]), 0))

    def produced_now(self) -> tuple[int, int]:
        """Boot and last number of the field that runs, or ran last."""
        if "field" in self._running:
            self._note_produced("field")
        boot = self.boot_of("field")
        return boot, self.produced.get(("field", boot), 0)

    # -- the rest ---------------------------------------------------------------------------------------------------

    def _new_clocks(self) -> dict[str, SimClock]:
        """Each process with a monotonic zero of its own: nobody may compare across."""
        started_ms = self._timeline.now_ms
        return {
            name: SimClock(
                self._timeline.now, offset_ms=self._chance.uniform(1e3, 1e7) - started_ms, drift_ppm=self.drift_ppm
            )
            for name in PROCESSES
        }

    def _away(self, name: str, away: bool) -> None:
        since_ms = min(self.away_since_ms[name], self._timeline.now_ms)
        self.away_since_ms[name] = since_ms if away else NEVER

    def _note(self, what: str) -> None:
        self._record.note(self._timeline.now_ms, "gateway", what)
