"""A mine for tests of one's own: a section, the real agent, a broker, and one virtual time. Seconds, not milliseconds.

with UnderTest("longwall", guests=[my_robot]) as mine:
    mine.run(65)
    mine.reset()
    mine.wish(do="burst", road="face", at_m=105, m3=12)
    mine.run(30)
    mine.expect("alarm face-robot-ch4 arrives within 20 s", after_s=65)
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from minegate_interlock.lines import Verb
from minegate_sim.edit import set_value
from minegate_sim.expect import judged, outputs
from minegate_sim.fitting import fit_words
from minegate_sim.guests import Guest, Visited
from minegate_sim.mine import Mine
from minegate_sim.mishaps import KINDS, Mishap, enter, person
from minegate_sim.place import Place
from minegate_sim.places import made, plan_of
from minegate_sim.promises import Promises
from minegate_sim.scenario import Expect
from minegate_sim.seen import Arrived, Asked, Seen, Watcher


class UnderTest:
    """`section`: a shipped place, or a section's file. `rules`: [timing] of rules.toml that is not the section's."""

    def __init__(
        self,
        section: str,
        *,
        guests: Sequence[Guest] = (),
        seed: int = 1,
        speed: float = 1.0,
        rules: Mapping[str, int] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.place: Place = (
            Visited(plan_of(section), guests, seed, speed=speed) if guests else made(section, seed, speed)
        )
        self._rules = dict(rules or {})
        self._seed = seed
        self._folder = folder
        self._left = ExitStack()

    def __enter__(self) -> UnderTest:
        with ExitStack() as begun:
            folder = self._folder or Path(begun.enter_context(tempfile.TemporaryDirectory(prefix="mg")))
            self.mine = Mine(self.place, self._seed, folder, edit=self._edit, keep_records=True)
            self._watcher = Watcher(self.mine, Asked(set(self.place.values()), set(self.place.truths()), True))
            self._promises = Promises(self.mine)
            begun.enter_context(self.mine)
            self._left = begun.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.__exit__(kind, error, trace)

    # ---- time and what happens

    @property
    def now_s(self) -> float:
        """True time since the beginning."""
        return self.mine.now_ms / 1000.0

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.mine.run_for(1000.0 * seconds)

    def wish(self, **wish: object) -> Mapping[str, object]:
        """Something happens in the section: `do="burst", m3=5.0`. ValueError if it makes no sense."""
        return self.mine.do(wish)

    def happen(self, what: str, target: str = "", value: float = 0.0, for_s: float = 0.0) -> None:
        """A mishap of mishaps.py begins now. ValueError if there is none, or not for that target."""
        if what not in KINDS:
            raise ValueError(f"what = {what!r} is not one of {', '.join(KINDS)}")
        enter(self.mine, Mishap(self.now_s, what, target, value, for_s))
        self.run(0.0)

    def reset(self, area: str = "") -> str:
        """A person at the gateway resets; the interlock's answer."""
        return self._person(Verb.RESET, area)

    def cut(self, area: str = "") -> str:
        """A person at the gateway cuts; the interlock's answer."""
        return self._person(Verb.CUT, area)

    # ---- what is

    def contact(self, name: str) -> bool:
        """Whether the contact of that output or area is closed. ValueError if there is none."""
        areas = {area.name: tuple(area.outputs) for area in self.mine.rules.areas}
        found = outputs(name, areas)
        if not found:
            raise ValueError(f"contact {name!r} is not one of {', '.join([*self.place.contacts(), *areas])}")
        return all(self.place.contacts()[output] for output in found)

    def value(self, point: str) -> float:
        """What the device of that point would answer now; NaN if it would not."""
        return self.place.values()[point]

    def truth(self, point: str) -> float:
        """What there really is at that point."""
        return self.place.truths()[point]

    # ---- what came out

    def delivered(self, point: str) -> list[float]:
        """The values of a point as they arrived at the mine's broker, in their order. KeyError if there is no such."""
        site = self.mine.gateway.site
        where = {each.name: each for each in site.points}[point]
        layout = site.devices[where.device].driver.layouts[where.part]
        return [
            layout.decode(scan.record)[where.at]
            for scan in sorted(self.mine.receiver.records)
            if (scan.device, scan.part) == (where.device, where.part)
        ]

    def qualities(self, device: str) -> list[int]:
        """The quality flags of a device's readings as they arrived (minegate_drivers.sdk.Quality)."""
        number = {each.name: each.number for each in self.mine.gateway.site.devices.values()}[device]
        return [scan.quality for scan in sorted(self.mine.receiver.records) if scan.device == number]

    def events(self, kind: str, about: str | None = None) -> list[Arrived]:
        """Events that arrived, of one kind, and about one point, device or area."""
        return [each for each in self.seen().arrived if each.kind == kind and about in (None, each.about)]

    def seen(self) -> Seen:
        """Everything a scenario's judge would have before it."""
        return self._watcher.seen()

    def expect(self, words: str, after_s: float = 0.0) -> None:
        """AssertionError with what was seen if it is not so. ValueError if words or names are not known."""
        expect = Expect(words=words, after_s=after_s)
        fit_words(expect, self.mine)
        verdict = judged(expect, self.seen())
        assert verdict.kept, f"{words}: {verdict.why}"

    @property
    def broken(self) -> list[str]:
        """Promises that were broken, with their times."""
        return [f"{ms / 1000.0:.3f} s: {text}" for ms, text in self.mine.breaches]

    def _person(self, verb: Verb, area: str) -> str:
        person(self.mine, verb, area)
        self.run(0.5)
        return self.mine.gateway.answers[-1][1]

    def _edit(self, name: str, text: str) -> str:
        for key, value in self._rules.items() if name == "rules.toml" else ():
            text = set_value(text, "timing", key, value)
        return text
