"""The link process: one task group over intake, committer, uplink, verdicts, page and status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

from minegate_agent.config import ConfigError
from minegate_agent.link import status
from minegate_agent.link.ahead import Ahead
from minegate_agent.link.anchors import keep_anchoring
from minegate_agent.link.birth import Birth, birth_of
from minegate_agent.link.births import Births
from minegate_agent.link.broker import DEAF, Ears
from minegate_agent.link.clock_base import ClockBases, tell_first_sync
from minegate_agent.link.clock_watch import watch
from minegate_agent.link.commands import Commands
from minegate_agent.link.committer import Committer
from minegate_agent.link.consumers import Consumers, Cursors
from minegate_agent.link.intake import Intake
from minegate_agent.link.journal import Journal
from minegate_agent.link.machine import Machine
from minegate_agent.link.page_keeper import keep_page
from minegate_agent.link.payload import COMMAND, topic
from minegate_agent.link.recall import recall
from minegate_agent.link.signing import BadKey, public_key, signer
from minegate_agent.link.verdicts import Verdicts
from minegate_agent.link.view import View
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import Site, load_site

FLUSH_S = 1.0  # of the 2 s in which a process ends
FOLLOW_S = 0.25  # between two looks at how far the journal is

log = logging.getLogger("link")


class Link:
    """One site's link process. Building it opens the journal: OSError or NotOurs if that cannot be."""

    def __init__(self, site: Site, world: LinkWorld) -> None:
        self._site = site
        self._world = world
        journal = site.config.journal
        folder = site.folder / journal.folder
        self._cursors = Cursors(site, folder, world)
        self._journal = Journal.open(
            folder,
            segment_bytes=journal.segment_bytes,
            bytes_max=journal.bytes_max,
            disk=world.disk,
            floor=self._cursors.floor,
            released=self._cursors.released,
        )
        self._births = Births.open(folder / "births", world.disk)
        if self._births.newest is None:
            self._births.enter(birth_of(site), self._journal.last_sequence + 1)
        self._bases = ClockBases.open(folder / "clock.json", world.disk)
        self._start = self._bases.begin(world.machine, self._journal.last_sequence + 1)
        self.view = View(site)
        self._drawn = False
        self._ahead = Ahead()
        self._committer = Committer(
            self._journal,
            world.clock,
            journal.commit_ms,
            self._ahead,
            on_event=self.view.on_event,
            on_disk=self.view.on_disk,
        )
        self._intake = Intake(
            self._journal, self._births, self._committer, world.clock, self.view, site.hash, self._birth_of_config,
            Machine.open(folder, world.disk, world.machine),
        )  # fmt: skip
        self._verdicts = Verdicts(self._journal, self._committer, world.clock, self.view)
        self._commands = self._obeying(folder)
        gateway = site.config.gateway
        ears = DEAF
        if self._commands is not None:
            ears = Ears((topic(gateway.mine, gateway.id, COMMAND),), self._commands.hear)
        self._consumers = Consumers(
            site, world, self._cursors, self._journal, self._births, self._committer, self._ahead, ears,
            self._show_delivery,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; then what came in is committed and confirmed, and the broker told. At most 2 s later."""
        sockets = self._site.run_folder
        sockets.mkdir(parents=True, exist_ok=True)
        self._recall()
        async with asyncio.TaskGroup() as tasks:
            jobs: dict[str, Coroutine[Any, Any, object]] = {
                "committer": self._committer.keep_writing(),
                "budget": self._committer.keep_budget(),
                "intake": self._intake.serve(sockets / "scans.sock"),
                "verdicts": self._verdicts.keep_listening(sockets / "verdicts.sock"),
                "status": status.serve(sockets / "status.sock", self._status),
                "page": keep_page(self._site.config.page, self.view, self._world.clock, self._draw),
                "clock": watch(self._world.clock, lambda ms: self._committer.own_event("clock_step", step_ms=ms)),
                "clock-base": tell_first_sync(self._bases, self._start, self._world.clock, self._tell_clock_set),
                "delivery": self._follow(),
                **self._consumers.jobs(),
                **self._anchoring(),
            }
            if self._commands is not None:
                jobs["commands"] = self._commands.keep_obeying()
            running = [tasks.create_task(job, name=name) for name, job in jobs.items()]
            await self._committer.own_event("started", config=self._site.hash)
            log.info("link up, journal at %d, consumers have %d", self._journal.last_sequence, self._cursors.released)
            await stop.wait()
            await self._flush()
            for task in running:
                task.cancel()

    async def _tell_clock_set(self, told: dict[str, int]) -> None:
        """Return when the event is durable."""
        sequence = await self._committer.own_event("clock_set", **told)
        await self._committer.durable.above(sequence - 1)

    def close(self) -> None:
        """Give the files back."""
        self._journal.close()
        self._cursors.close()

    def _obeying(self, folder: Path) -> Commands | None:
        """Without a key nobody can command, and nobody listens."""
        told = self._site.config.commands
        keys = []
        for name in told.keys:
            try:
                keys.append(public_key(self._site.folder / name))
            except BadKey as error:
                log.error("commands.keys: %s; whoever has this key cannot command", error)
        if not keys:
            return None
        gateway = self._site.config.gateway
        return Commands(
            folder,
            self._site.folder / "staged",
            self._site.run_folder / "control.sock",
            self._world.disk,
            self._world.clock,
            self._committer,
            (gateway.mine, gateway.id),
            tuple(keys),
            remote_cut=told.remote_cut,
            send_again=lambda first, last: self._consumers.send_again(first, last),
            status=self._document,
        )

    def _anchoring(self) -> dict[str, Coroutine[Any, Any, object]]:
        """Without a key there is nothing to sign with; a key that cannot be had is one line, and no reason to stop."""
        told = self._site.config.journal.key_file
        if not told:
            return {}
        try:
            key = signer(self._site.folder / told)
        except BadKey as error:
            log.error("journal.key_file: %s; the journal is not signed", error)
            return {}
        gateway = self._site.config.gateway
        anchoring = keep_anchoring(self._journal, self._committer, self._world.clock, key, gateway.mine, gateway.id)
        return {"anchors": anchoring}

    async def _flush(self) -> None:
        """What field handed over is on disk and confirmed before the line closes, unless the disk is away."""
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._committer.commit()
                await self._consumers.settle()
        except TimeoutError:
            log.error("the disk did not answer within %.0f s; what is not confirmed is with field", FLUSH_S)

    def _recall(self) -> None:
        newest = self._births.newest
        readable = newest is not None and newest.config == self._site.hash
        shown = self.view if readable else None
        recall(self._journal, self._world.clock, shown, self._intake, self._verdicts, self._ahead)
        if self._journal.cut_bytes:
            log.warning(
                "journal: a torn tail of %d bytes was cut; nobody had been promised it", self._journal.cut_bytes
            )
        for name, cursor in self._cursors.of.items():
            if cursor.trouble:
                log.error("uplink %s: %s", name, cursor.trouble)

    async def _draw(self) -> None:
        """The page's limit lines come out of rules.toml. Its reader is no small program: loaded when somebody looks."""
        if self._drawn:
            return
        self._drawn = True
        shown = await asyncio.to_thread(import_module, "minegate_agent.link.shown_limits")
        drawn = await asyncio.to_thread(shown.drawn, self._site.folder)
        self.view.draw(drawn.limits, drawn.titles)
        self.view.draw_proofs(drawn.tests, await asyncio.to_thread(shown.passed, self._site.run_folder))

    async def _status(self) -> dict[str, object]:
        await self._draw()
        return self._document()

    async def _follow(self) -> None:
        """Show how far the journal is. Without a configured uplink nobody is waited for, so old segments may go."""
        while True:
            self._show_delivery()
            last = await self._committer.durable.above(self._committer.durable.value)
            if not self._consumers.uplinks:
                self._journal.release(last)
            await asyncio.sleep(FOLLOW_S)

    def _show_delivery(self) -> None:
        consumers = self._consumers
        now_ms = self._world.clock.monotonic_ms()
        self._show_written()
        self.view.on_delivery(
            self._journal.last_sequence, consumers.confirmed, consumers.connected, now_ms, consumers.rows
        )

    def _show_written(self) -> None:
        self.view.on_written(self._journal.bytes_written, self._journal.readings, self._journal.thinned)

    def _document(self) -> dict[str, object]:
        self._show_written()  # thinning goes on behind the last record
        clock = self._world.clock
        return {**self.view.snapshot(clock.monotonic_ms()), "utc_ms": clock.utc_ms()}

    def _birth_of_config(self, config: str) -> Birth | None:
        """Of our own configuration, of one that is kept, or of the gateway.toml on disk as it is now."""
        if config == self._site.hash:
            return birth_of(self._site)
        kept = self._births.of_config(config)
        if kept is not None:
            return kept
        try:
            edited = load_site(self._site.folder)
        except ConfigError:
            return None
        return birth_of(edited) if edited.hash == config else None
