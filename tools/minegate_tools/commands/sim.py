"""`minegate sim`: the real agent in a simulated mine, in virtual time. A failure is a seed and a file."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

import minegate_sim
from minegate_sim import control
from minegate_sim.expect import sentences
from minegate_sim.explore import Explored, explore, scenario_of, shrink
from minegate_sim.mishaps import KINDS
from minegate_sim.places import PLACES, titles
from minegate_sim.report.page import page
from minegate_sim.run import Outcome, run
from minegate_sim.scenario import ScenarioError, load, text_of
from minegate_sim.section import wishes as section_wishes
from minegate_tools.bus.traffic import TRAFFIC, from_zero
from minegate_tools.commands.record import finish
from minegate_tools.progress import progress
from minegate_tools.table import table

SHIPPED = Path(minegate_sim.__file__).parent / "scenarios"
FIRST = Path(minegate_sim.__file__).parent / "first.toml"
SEEDS_MAX = 1_000_000
_AT_ONCE = 8  # seeds handed to a worker together


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its four words."""
    command = commands.add_parser("sim", help="run the agent in a simulated mine, in virtual time")
    words = command.add_subparsers(metavar="WORD", required=True)
    one = words.add_parser("run", help="run one scenario and judge it")
    one.add_argument("file", metavar="FILE", help="a scenario, or the name of a shipped one")
    one.add_argument("--seed", type=int, help="instead of the scenario's own")
    one.add_argument("--log", type=Path, metavar="FILE", help="write everything that happened, bytes on buses too")
    one.add_argument("--report", type=Path, metavar="FILE", help="write one HTML page: verdict, plots, events")
    one.add_argument("--record", type=Path, metavar="FOLDER", help="record the buses, as `minegate record` does")
    one.set_defaults(do=_run)
    words.add_parser("list", help="the shipped scenarios, places and mishaps").set_defaults(do=_list)
    new = words.add_parser("new", help="write a scenario to start from")
    new.add_argument("file", metavar="FILE", type=Path)
    new.set_defaults(do=_new)
    many = words.add_parser("explore", help="random mishaps against the promises")
    many.add_argument("--seeds", type=int, default=200, metavar="N", help="how many (200)")
    many.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed (1)")
    many.add_argument("--place", choices=sorted(PLACES), default="heading", help="where (heading)")
    many.add_argument("--workers", type=int, default=2, metavar="N", help="processes (2)")
    many.add_argument("--out", type=Path, default=Path("failures"), metavar="DIR", help="where failing plans go")
    many.set_defaults(do=_explore)


def _run(asked: argparse.Namespace) -> int:
    _quiet()
    path = Path(asked.file)
    if not path.exists() and (SHIPPED / f"{asked.file}.toml").exists():
        path = SHIPPED / f"{asked.file}.toml"
    try:
        scenario = load(path)
        if asked.seed is not None:
            scenario = msgspec.structs.replace(scenario, seed=asked.seed)
        with progress(f"{scenario.title or path.stem}, {scenario.lasts_s:g} s of virtual time") as share:
            outcome = run(
                scenario, progress=share, keep_history=asked.report is not None, keep_traffic=asked.record is not None
            )
    except ScenarioError as error:
        print(error if str(path) in str(error) else f"{path}: {error}", file=sys.stderr)
        return 2
    rows = [("kept" if each.kept else "BROKEN", each.words, each.why) for each in outcome.judged]
    rows += [("BROKEN", f"promise at {ms / 1000:.3f} s", text) for ms, text in outcome.breaches]
    print(table(("", "expected", "seen"), rows))
    print(f"seed {scenario.seed}, {len(outcome.record.lines)} lines, sha256 {outcome.record.digest()[:16]}")
    try:
        _keep(asked, outcome)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0 if outcome.kept else 1


def _keep(asked: argparse.Namespace, outcome: Outcome) -> None:
    """Write what was asked for. Raises OSError."""
    if asked.log is not None:
        asked.log.write_text("".join(line.text() for line in outcome.record.lines), encoding="utf-8")
    if asked.report is not None:
        assert outcome.history is not None
        asked.report.write_text(page(outcome, outcome.history), encoding="utf-8")
    if asked.record is not None:
        _record(asked.record, outcome)


def _record(folder: Path, outcome: Outcome) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in outcome.site.items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = from_zero(outcome.traffic)
    (folder / TRAFFIC).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(finish(folder))


def _list(asked: argparse.Namespace) -> int:
    shipped = [(path.stem, load(path)) for path in sorted(SHIPPED.glob("*.toml"))]
    rows = [(name, each.place, f"{each.lasts_s:g} s", each.title) for name, each in shipped]
    print(table(("scenario", "place", "lasts", "title"), rows), end="\n\n")
    print(table(("place", "is"), list(titles().items())), end="\n\n")
    kinds = [(name, " ".join(kind.targets), kind.help) for name, kind in KINDS.items()]
    print(table(("what", "targets in the heading", "means"), kinds), end="\n\n")
    wishes = [("heading", " ".join(control.names())), ("sections", " ".join(section_wishes.names()))]
    print(table(("wish in", "do"), wishes), end="\n\n")
    print(table(("words of an expectation",), [(form,) for form in sentences()]))
    return 0


def _new(asked: argparse.Namespace) -> int:
    if asked.file.exists():
        print(f"{asked.file}: exists already", file=sys.stderr)
        return 1
    try:
        asked.file.write_text(FIRST.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        print(f"{asked.file}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{asked.file}: written; run it with `minegate sim run {asked.file}`")
    return 0


def _explore(asked: argparse.Namespace) -> int:
    if not 1 <= asked.seeds <= SEEDS_MAX:
        print(f"--seeds {asked.seeds}: not within 1..{SEEDS_MAX}", file=sys.stderr)
        return 2
    _quiet()
    failures = 0
    for found in _explored(asked.place, range(asked.first, asked.first + asked.seeds), asked.workers):
        failures += 1
        small = shrink(found.scenario)
        breaches = explore(small).breaches or found.breaches
        asked.out.mkdir(parents=True, exist_ok=True)
        path = asked.out / f"seed-{small.seed}.toml"
        why = "\n".join(f"{ms / 1000:.3f} s: {text}" for ms, text in breaches[:5])
        path.write_text(text_of(small, why), encoding="utf-8")
        print(f"{path}: {breaches[0][1]}")
    print(f"{asked.seeds} seeds, {failures} broke a promise")
    return 1 if failures else 0


def _explored(place: str, seeds: range, workers: int) -> Iterator[Explored]:
    """Those that broke a promise, in the order of their seeds."""
    one = partial(_one, place)
    with (
        progress(f"{len(seeds)} seeds from {seeds.start}, {place}") as share,
        ProcessPoolExecutor(workers, initializer=_quiet) as pool,
    ):
        for done, found in enumerate(pool.map(one, seeds, chunksize=_AT_ONCE), 1):
            share(done / len(seeds))
            if found.breaches:
                yield found


def _one(place: str, seed: int) -> Explored:
    return explore(scenario_of(seed, place))


def _quiet() -> None:
    """What the processes of a simulated gateway log is not ours to say."""
    logging.getLogger().addHandler(logging.NullHandler())
