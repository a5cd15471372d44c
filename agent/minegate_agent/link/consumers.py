"""Who takes delivery: each with its brokers, its format and its watermark; the journal keeps what one of them lacks."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from pathlib import Path

from minegate_agent import config
from minegate_agent.link.ahead import Ahead
from minegate_agent.link.backoff import Backoff
from minegate_agent.link.births import Births
from minegate_agent.link.broker import BrokerSettings, Ears, TlsFiles
from minegate_agent.link.committer import Committer
from minegate_agent.link.cursor import Cursor
from minegate_agent.link.formats import Format, Native
from minegate_agent.link.journal import Journal
from minegate_agent.link.payload import RECEIPT, topic
from minegate_agent.link.receipts import Receipts
from minegate_agent.link.source import Source
from minegate_agent.link.uplink import Uplink
from minegate_agent.link.watermark import Watermark
from minegate_agent.link.windows import Windows
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import Site


class Cursors:
    """The cursor files of the configured consumers. Raises OSError."""

    def __init__(self, site: Site, folder: Path, world: LinkWorld) -> None:
        self.of = {uplink.name: Cursor.open(folder / _file(uplink.name), world.disk) for uplink in site.config.uplinks}

    @property
    def floor(self) -> int:
        """What some consumer has confirmed: numbering must go on above it."""
        return max(
            (max([cursor.sequence, *(last for _, last in cursor.ranges)]) for cursor in self.of.values()), default=0
        )

    @property
    def released(self) -> int:
        """What every consumer has confirmed."""
        return min((cursor.sequence for cursor in self.of.values()), default=0)

    def close(self) -> None:
        """Give the files back."""
        for cursor in self.of.values():
            cursor.close()


class Consumers:
    """All consumers over one journal. `on_change` is told whenever one of them has got something or lost its line."""

    def __init__(
        self,
        site: Site,
        world: LinkWorld,
        cursors: Cursors,
        journal: Journal,
        births: Births,
        committer: Committer,
        ahead: Ahead,
        ears: Ears,
        on_change: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._births = births
        self.uplinks: list[Uplink] = []
        self.watermarks: list[Watermark] = []
        chance = random.Random(world.seed)
        for uplink in site.config.uplinks:
            watermark = Watermark(uplink.name, cursors.of[uplink.name], on_change, self._release)
            source = Source(
                journal=journal,
                births=births,
                durable=committer.durable,
                recent=committer.recent,
                watermark=watermark,
                ahead=ahead,
                clock=world.clock,
                form=_format(site, uplink, world),
                receipts=Receipts(int(uplink.receipt_s * 1000)) if uplink.confirm == "receipt" else None,
                streams=frozenset(uplink.streams),
                records_max=uplink.block_records_max,
                block_ms=uplink.block_ms,
            )
            self.watermarks.append(watermark)
            self.uplinks.append(
                Uplink(
                    source,
                    committer,
                    [world.broker(settings) for settings in _settings(site, uplink, source.form.content_type)],
                    Backoff(uplink.backoff_max_s, chance),
                    Windows(uplink.windows),
                    ears if uplink.commands else Ears((), ears.hear),
                    receipt_topic=topic(site.config.gateway.mine, site.config.gateway.id, RECEIPT),
                    silence_s=uplink.silence_s,
                    on_edge=on_change,
                )
            )

    @property
    def connected(self) -> bool:
        """Whether every consumer is there."""
        return bool(self.uplinks) and all(uplink.connected for uplink in self.uplinks)

    @property
    def confirmed(self) -> int:
        """Up to where every consumer has everything."""
        return min((watermark.confirmed.value for watermark in self.watermarks), default=0)

    def send_again(self, first: int, last: int) -> bool:
        """To all who are there; False if nobody is."""
        asked = [uplink.send_again(first, last) for uplink in self.uplinks]
        return any(asked)

    def jobs(self) -> dict[str, Coroutine[None, None, None]]:
        """What runs for them, by name."""
        running: dict[str, Coroutine[None, None, None]] = {}
        for uplink, watermark in zip(self.uplinks, self.watermarks, strict=True):
            running[f"uplink-{uplink.name}"] = uplink.keep_delivering()
            running[f"watermark-{uplink.name}"] = watermark.keep_on_disk()
        return running

    def rows(self) -> list[dict[str, object]]:
        """For page and status: one row per consumer. `ahead` is how much was confirmed before older records were."""
        last = self._journal.last_sequence
        return [
            {
                "name": uplink.name,
                "connected": uplink.connected,
                "confirmed": watermark.confirmed.value,
                "waiting": sum(high - low + 1 for low, high in watermark.ranges.gaps(last)),
                "ahead": sum(high - low + 1 for low, high in watermark.ranges.islands),
            }
            for uplink, watermark in zip(self.uplinks, self.watermarks, strict=True)
        ]

    async def settle(self) -> None:
        """What is confirmed is on disk, unless the disk is away."""
        for watermark in self.watermarks:
            await watermark.settle()

    def _release(self) -> None:
        """In the thread that moved a cursor: what the slowest consumer has, on disk, may go."""
        upto = min(watermark.durable for watermark in self.watermarks)
        self._journal.release(upto)
        self._births.forget_below(upto)


def _file(name: str) -> str:
    """The first consumer's file is called as when there was only one."""
    return "uplink.cursor" if name == config.FIRST_CONSUMER else f"uplink-{name}.cursor"


def _format(site: Site, uplink: config.Uplink, world: LinkWorld) -> Format:
    """Who speaks none of the others does not load them."""
    gateway = site.config.gateway
    if uplink.format == "json":
        from minegate_agent.link.format_json import Json

        return Json(gateway.mine, gateway.id, world.clock)
    if uplink.format == "sparkplug":
        from minegate_agent.link.format_sparkplug import Sparkplug

        return Sparkplug(gateway.mine, gateway.id, world.clock)
    return Native(gateway.mine, gateway.id, world.clock)


def _settings(site: Site, uplink: config.Uplink, content_type: str) -> list[BrokerSettings]:
    """The primary broker and those that follow it; only the address differs."""
    gateway = site.config.gateway
    own = "" if uplink.name == config.FIRST_CONSUMER else f"-{uplink.name}"
    first = BrokerSettings(
        host=uplink.host,
        tcp_port=uplink.tcp_port,
        protocol=uplink.protocol,
        client_id=f"minegate-{gateway.mine}-{gateway.id}{own}",
        username=uplink.username,
        password_file=_path(site.folder, uplink.password_file),
        tls=_tls(site.folder, uplink.tls),
        keepalive_s=uplink.keepalive_s,
        ack_timeout_s=uplink.ack_timeout_s,
        in_flight_max=uplink.in_flight_max,
        content_type=content_type,
        expiry_s=uplink.expiry_s,
    )
    return [first, *(first._replace(host=each.host, tcp_port=each.tcp_port) for each in uplink.secondary)]


def _tls(folder: Path, tls: config.Tls | None) -> TlsFiles | None:
    return TlsFiles(_path(folder, tls.ca), _path(folder, tls.cert), _path(folder, tls.key)) if tls else None


def _path(folder: Path, name: str) -> Path | None:
    return folder / name if name else None
