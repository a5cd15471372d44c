"""A mine in virtual time: one place, one gateway with the real agent, one broker with its receiver, one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from minegate_agent.site import load_site
from minegate_interlock.rules import Rules, Timing, load
from minegate_sim.broker import Far
from minegate_sim.far_end import FarEnd
from minegate_sim.gateway.agent import PROCESSES, Gateway
from minegate_sim.gateway.can import CanCable, CanEnd
from minegate_sim.gateway.lines import Cable
from minegate_sim.gateway.messages import Underground
from minegate_sim.noise import source
from minegate_sim.place import Place, Truth
from minegate_sim.receiver import Receiver
from minegate_sim.record import Record
from minegate_sim.virtual.conductor import Conductor
from minegate_sim.virtual.timeline import Timeline


class Mine:
    """`folder` is empty and short: Unix sockets are made in it. Use it as a context manager.

    `breaches` are the promises that were broken, each with the true time in milliseconds.
    """

    def __init__(
        self,
        place: Place,
        seed: int,
        folder: Path,
        *,
        edit: Callable[[str, str], str] = lambda name, text: text,
        processes: tuple[str, ...] = PROCESSES,
        record_buses: bool = True,
        keep_records: bool = False,
    ) -> None:
        self.seed = seed
        self.place = place
        self.record = Record(buses=record_buses)
        self.timeline = Timeline()
        self.conductor = Conductor(self.timeline)
        self.breaches: list[tuple[float, str]] = []
        self.truth_listeners: list[Callable[[Truth], None]] = []
        self.step_listeners: list[Callable[[], None]] = []
        for name, text in place.site().items():
            (folder / name).write_text(edit(name, text), encoding="utf-8")
        self.rules = _rules(folder)
        if not self.rules.areas:
            processes = tuple(name for name in processes if name != "interlock")
        self.receiver = Receiver(self.breach, keep_records=keep_records)
        self.far = Far(
            self.timeline, self.record, source(seed, "broker"), self.receiver.hear, self.receiver.forget_births
        )
        self.underground = Underground(place.speakers, self.timeline, self.record)
        self.cables = self._cables(folder)
        self.gateway = Gateway(
            folder, seed, self.conductor, self.record, self.far, self.underground, self.cables, self.breach, processes
        )
        self._step()

    def __enter__(self) -> Mine:
        self.gateway.power_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.power_off()
        self.gateway.hang_up()
        self.conductor.close()

    @property
    def now_ms(self) -> float:
        """True time."""
        return self.timeline.now_ms

    def run_until(self, ms: float) -> None:
        """Let true time pass."""
        self.conductor.run_until(ms)

    def run_for(self, ms: float) -> None:
        """Let true time pass."""
        self.conductor.run_until(self.timeline.now_ms + ms)

    def breach(self, text: str) -> None:
        """A promise is broken."""
        self.breaches.append((self.timeline.now_ms, text))
        self.record.note(self.timeline.now_ms, "promise", text)

    def do(self, wish: Mapping[str, object]) -> Mapping[str, object]:
        """Something happens in the place. ValueError if it makes no sense."""
        self.record.note(self.timeline.now_ms, "do", _told(wish))
        answer = self.place.do(wish, self.timeline.now_ms)
        self.touched()
        return answer

    def touched(self) -> None:
        """The place was changed from outside: look what came of it, and what is due now."""
        self._look()
        for cable in self.cables.values():
            if isinstance(cable, Cable):
                cable.plan()

    def _cables(self, folder: Path) -> dict[str, Cable | CanCable]:
        cables: dict[str, Cable | CanCable] = {}
        for port in load_site(folder).config.port:
            if port.kind == "serial":
                self._cable(cables, Path(port.device).name)
            elif port.kind == "can":
                name = Path(port.channel).name
                end = self.place.ends[name]
                assert isinstance(end, CanEnd), name
                cables[name] = CanCable(name, end, self.timeline, self.record)
        for output in self.rules.outputs:
            self._cable(cables, Path(output.device).name)
        return cables

    def _cable(self, cables: dict[str, Cable | CanCable], name: str) -> None:
        end: FarEnd = self.place.ends[name]
        cables[name] = Cable(name, end, self.timeline, self.record, self._look)

    def _step(self) -> None:
        self.place.step(self.timeline.now_ms)
        self.touched()
        for listener in self.step_listeners:
            listener()
        self.timeline.at(self.place.due_ms(), self._step)

    def _look(self) -> None:
        for truth in self.place.take_truths():
            self.record.note(truth.ms, "truth", f"{truth.what} {_told(truth.fields)}")
            for listener in self.truth_listeners:
                listener(truth)


def _rules(folder: Path) -> Rules:
    """Those of the site. A gateway that only watches has none, and no interlock runs on it."""
    path = folder / "rules.toml"
    return load(path.read_bytes(), path.name) if path.exists() else Rules(Timing(), (), (), (), b"")


def _told(fields: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in fields.items())
