"""Plays the story on the stage, and draws up the account."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from minegate_agent.clock import Clock
from minegate_tools.demo import account as books
from minegate_tools.demo import simulator, site
from minegate_tools.demo.account import Account, Origin
from minegate_tools.demo.count import Count
from minegate_tools.demo.screen import Screen
from minegate_tools.demo.stage import Settings, Stage
from minegate_tools.demo.story import STORY, Place, Step, begin, look
from minegate_tools.demo.until import until
from minegate_tools.demo.watch import Watch

LOOK_S = 0.2
SETTLE_S = 30.0


class Kill(NamedTuple):
    """End `process` by SIGKILL: so many seconds after the story began, or as soon as the step of that name is true."""

    process: str
    at: float | str

    def due(self, elapsed_s: float, step: Step, place: Place) -> bool:
        """Whether it is time."""
        if isinstance(self.at, str):
            return step.name == self.at and place.true_since_ms is not None
        return elapsed_s >= self.at


class Wish(NamedTuple):
    """What the user asked for."""

    settings: Settings = Settings()
    page: bool = True
    kills: tuple[Kill, ...] = ()
    steps: tuple[Step, ...] = STORY


async def play(folder: Path, wish: Wish, clock: Clock, console: Console) -> Account:
    """The demo in `folder`, from nothing to the account. Raises StageError, SimulatorLost, OSError, and CancelledError
    when SIGINT or SIGTERM ended it early."""
    _end_on_signals()
    at = site.addresses(wish.page)
    site.write(folder, at)
    page = f"http://127.0.0.1:{at.page}/" if at.page else ""
    async with Stage(folder, at, wish.settings, clock) as stage:
        console.print(
            f"site {folder}; broker: {stage.broker.kind}; page 页面: {page or 'none'}", highlight=False, soft_wrap=True
        )
        watch = Watch(stage, clock)
        listening = asyncio.create_task(watch.verdicts.listen(), name="verdicts")
        try:
            with Screen(console, wish.steps, page) as screen:
                failed = await _story(stage, watch, screen, wish, clock)
            return await _settle(stage, watch, failed)
        finally:
            listening.cancel()


def _end_on_signals() -> None:
    """SIGINT and SIGTERM unwind the demo like an error would, so that nothing of it is left running."""
    playing = asyncio.current_task()
    assert playing is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)


async def _story(stage: Stage, watch: Watch, screen: Screen, wish: Wish, clock: Clock) -> str:
    """Play every step; the reason if it could not be played to its end."""
    began_ms = clock.monotonic_ms()
    kills = list(wish.kills)
    move = begin(wish.steps, began_ms)
    shown = -1
    while not move.over and not move.failed:
        elapsed_s = (clock.monotonic_ms() - began_ms) / 1000
        if move.place.at != shown:
            shown = move.place.at
            screen.step(shown, elapsed_s)
        for act in move.acts:
            await stage.do(act)
        for kill in [kill for kill in kills if kill.due(elapsed_s, wish.steps[shown], move.place)]:
            kills.remove(kill)
            await stage.kill(kill.process)
            watch.tally()
        await asyncio.sleep(LOOK_S)
        seen = await watch.look()
        screen.show(seen, watch.status, stage.receiver.count)
        if ended := stage.ended():
            return f"{ended} ended by itself; see {stage.log(ended)}"
        move = look(wish.steps, move.place, seen, clock.monotonic_ms(), wish.settings.speed)
    return move.failed


async def _settle(stage: Stage, watch: Watch, failed: str) -> Account:
    """Draw a line under what was produced up to now, let the delivery reach it, and account for it."""
    await watch.look()
    last = watch.status.get("delivery", {}).get("last", 0)
    produced = [("field", boot, items) for boot, items in watch.produced.items()]
    produced += [("interlock", boot, items) for boot, items in watch.verdicts.produced.items()]
    count = stage.receiver.count

    def reached() -> bool:
        """Whether everything above the line is here or declared; the deadline decides what is missing."""
        return all(number in count.sequences for number in range(1, last + 1)) and all(
            _origin(count, *each, kept=0).balanced for each in produced
        )

    await until(reached, SETTLE_S, LOOK_S)
    spoke = (await simulator.command(stage.sim_folder, do="truth"))["answers"]
    await watch.look()
    kept = watch.status.get("delivery", {}).get("waiting", 0) + (watch.status.get("hold") or {}).get("items", 0)
    return Account(
        tuple(_origin(count, *each, kept=kept) for each in produced),
        books.sequences(last, count.sequences),
        books.openings(simulator.truth(stage.sim_folder), stage.kills),
        count.readings,
        count.messages.total(),
        tuple(books.Source(device, spoke.get(device, 0), scans) for device, scans in sorted(count.scans.items())),
        failed or "; ".join(count.unreadable[:3]),
    )


def _origin(count: Count, process: str, boot: int, items: int, kept: int) -> Origin:
    return books.origin(process, boot, items, count.numbers[process, boot], count.lost[boot], kept)
