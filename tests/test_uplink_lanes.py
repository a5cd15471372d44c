"""After an outage the present comes first, alarms before it, the past behind both; each consumer has its own past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiomqtt

from field_side import FieldSide, handing_over
from link_work import GATEWAY, MINE, Process, delivery, running, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.app import Link
from minegate_agent.link.cursor import Cursor
from minegate_agent.link.delivered import decode
from minegate_agent.link.receipts import receipt
from minegate_agent.site import load_site
from mosquitto import Mosquitto, free_port
from uplink_far_end import Relay, Subscriber

BACKLOG = 3000
OLD_MS = 3_600_000
RECEIPT_TOPIC = f"minegate/1/{MINE}/{GATEWAY}/receipt"


async def a_backlog(field: FieldSide, count: int = BACKLOG) -> None:
    """Scans of an hour ago, one a second, and an event in the middle of them."""
    before = SystemClock().utc_ms() - OLD_MS
    for number in range(count):
        field.scan(number % 400, utc_ms=before + 1000 * number // 4)
        if number == count // 2:
            field.event("device_lost", device=1)
    await field.confirmed_all()


def order_of(subscriber: Subscriber) -> list[tuple[str, int, int]]:
    """(stream, first, last) of every data message, as it came."""
    data = [(topic.rsplit("/", 1)[1], payload) for topic, payload in subscriber.raw]
    return [
        (stream, decode(payload).first, decode(payload).last)
        for stream, payload in data
        if stream in ("live", "history", "event")
    ]


async def test_now_goes_first_and_the_past_follows_behind_it(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with Relay(mosquitto.port).listening() as relay:
        relay.shut = True
        site = write_site(tmp_path / "site", relay.port, "block_records_max = 50\nin_flight_max = 4")
        field, subscriber = FieldSide(site), Subscriber(mosquitto.port)
        async with subscriber.listening(), running(load_site(site)) as link, handing_over(field):
            await a_backlog(field)
            relay.shut = False
            await until(lambda: delivery(link)["connected"] is True, "up")
            told = field.scan(77)
            alarm = field.event("port_lost", port="rs485-1")
            await until(lambda: subscriber.numbers() == list(range(1, field.produced + 1)), "everything arrives")
            await until(lambda: delivery(link)["waiting"] == 0, "all confirmed")
    came = order_of(subscriber)
    numbers = {scan.sequence: scan.number for scan in subscriber.scans.values()}
    live = next(at for at, (stream, first, _) in enumerate(came) if stream == "live" and numbers.get(first) == told)
    history = [at for at, (stream, _, _) in enumerate(came) if stream == "history"]
    assert live < history[len(history) // 2], "the present waited for half of the past"
    at_alarm = next(
        at
        for at, (stream, first, last) in enumerate(came)
        if stream == "event"
        and any(first <= s <= last and e.event.get("number") == alarm for s, e in subscriber.events.items())
    )
    assert at_alarm < history[len(history) // 2]
    assert subscriber.again == 0
    for stream in ("live", "history"):
        spans = [(first, last) for name, first, last in came if name == stream]
        assert all(before[1] < after[0] for before, after in pairwise(spans)), f"{stream} is out of order"
    assert subscriber.sequences == list(range(1, subscriber.sequences[-1] + 1))


async def test_events_of_the_outage_come_before_its_scans(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with Relay(mosquitto.port).listening() as relay:
        relay.shut = True
        site = write_site(tmp_path / "site", relay.port, "block_records_max = 50")
        field, subscriber = FieldSide(site), Subscriber(mosquitto.port)
        async with subscriber.listening(), running(load_site(site)), handing_over(field):
            await a_backlog(field, 1000)
            relay.shut = False
            await until(lambda: len(subscriber.scans) == 1000, "everything arrives")
    streams = [stream for stream, _, _ in order_of(subscriber)]
    assert "event" in streams[: streams.index("history") + 1], "the event waited for the past"
    assert "device_lost" in subscriber.kinds()


async def test_what_was_delivered_ahead_is_known_after_a_kill(tmp_path: Path, mosquitto: Mosquitto) -> None:
    relay = Relay(mosquitto.port)
    relay.shut = True
    async with relay.listening():
        site = write_site(tmp_path / "site", relay.port, "block_records_max = 50\nin_flight_max = 2")
        field, subscriber, process = FieldSide(site), Subscriber(mosquitto.port), Process(site)
        try:
            async with handing_over(field), subscriber.listening():
                process.start()
                await a_backlog(field, 6000)
                relay.shut = False
                await until(lambda: len(subscriber.scans) > 0, "it is up")
                ahead = field.scan(99)
                await until(lambda: any(one.number == ahead for one in subscriber.scans.values()), "live arrives")
                cursor = site / "journal/uplink.cursor"
                await until(lambda: bool(_ranges(cursor)), "it is on disk that it has")
                process.kill()
                (first, last) = _ranges(cursor)[-1]
                seen = len(subscriber.raw)
                process.start()
                await until(lambda: len(subscriber.scans) == 6001, "everything arrives")
                process.terminate()
                assert await process.ended() == 0, process.said()
        finally:
            process.kill()
    again = {
        one.sequence for topic, load in subscriber.raw[seen:] if topic.endswith("live") for one in decode(load).scans
    }
    assert not again & set(range(first, last + 1)), "what is known to be confirmed was sent again"
    assert subscriber.sequences == list(range(1, subscriber.sequences[-1] + 1))


def _ranges(path: Path) -> list[tuple[int, int]]:
    cursor = Cursor.open(path)
    found = cursor.ranges
    cursor.close()
    return found


async def test_an_idle_line_that_swallows_everything_is_noticed(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with Relay(mosquitto.port).listening() as relay:
        site = write_site(tmp_path / "site", relay.port, "silence_s = 0.6")
        subscriber = Subscriber(mosquitto.port)
        async with subscriber.listening(), running(load_site(site)) as link:
            await until(lambda: delivery(link)["waiting"] == 0 and delivery(link)["connected"] is True, "idle")
            relay.deaf = True
            before_ms = SystemClock().monotonic_ms()
            await until(lambda: delivery(link)["connected"] is False, "noticed")
            took_ms = SystemClock().monotonic_ms() - before_ms
            relay.deaf = False
            await until(lambda: "uplink_down" in subscriber.kinds(), "told")
    assert took_ms < 5000, "the promise of the default, with a sixth of it set"
    (down,) = [told.event for told in subscriber.events.values() if told.event["kind"] == "uplink_down"]
    assert "silent for 0.6 s" in str(down["reason"])


async def test_the_second_broker_takes_over_and_the_first_gets_it_back(tmp_path: Path, mosquitto: Mosquitto) -> None:
    primary = Mosquitto(tmp_path / "primary", free_port())
    site = write_site(
        tmp_path / "site", primary.port, f'secondary = [{{ host = "127.0.0.1", tcp_port = {mosquitto.port} }}]'
    )
    field, second, first = FieldSide(site), Subscriber(mosquitto.port), Subscriber(primary.port)
    try:
        async with second.listening(), running(load_site(site)) as link, handing_over(field):
            field.scan()
            await until(lambda: len(second.scans) == 1, "the second has it")
            await asyncio.to_thread(primary.start)
            await asyncio.to_thread(mosquitto.kill)
            async with first.listening():
                await until(lambda: delivery(link)["connected"] is False or bool(first.births), "left")
                field.scan()
                await until(lambda: len(first.scans) >= 1, "the first has it")
    finally:
        primary.kill()


@asynccontextmanager
async def two_consumers(
    tmp_path: Path, mine: Mosquitto, group: Mosquitto | Relay, more: str = ""
) -> AsyncIterator[Path]:
    site = write_site(tmp_path / "site", mine.port)
    toml = (site / "gateway.toml").read_text(encoding="utf-8").replace("[uplink]", "[[uplink]]")
    toml += f'\n[[uplink]]\nname = "group"\nhost = "127.0.0.1"\ntcp_port = {group.port}\nblock_ms = 20\n{more}\n'
    (site / "gateway.toml").write_text(toml, encoding="utf-8")
    yield site


def row(link: Link, name: str) -> dict[str, object]:
    rows = delivery(link)["consumers"]
    (found,) = [each for each in rows if each["name"] == name]
    return found  # type: ignore[no-any-return]  # a row of the document


async def test_a_consumer_that_is_away_holds_nobody_up_and_loses_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    group = Mosquitto(tmp_path / "group").start()
    try:
        async with Relay(group.port).listening() as relay, two_consumers(tmp_path, mosquitto, relay) as site:
            relay.shut = True  # until the receiver is there: what a broker has acknowledged is the broker's to keep
            field, mine, late = FieldSide(site), Subscriber(mosquitto.port), Subscriber(group.port)
            async with mine.listening(), running(load_site(site)) as link, handing_over(field):
                for _ in range(200):
                    field.scan()
                await until(lambda: mine.numbers() == list(range(1, 201)), "the mine has everything")
                await until(lambda: row(link, "mine")["waiting"] == 0, "and has confirmed it")
                assert (row(link, "group")["connected"], row(link, "group")["confirmed"]) == (False, 0)
                assert delivery(link)["connected"] is False, "the word for all of them"
                async with late.listening():
                    relay.shut = False
                    await until(lambda: late.numbers() == list(range(1, 201)), "the group has everything")
                    await until(lambda: delivery(link)["waiting"] == 0, "all confirmed")
            assert Cursor.open(site / "journal/uplink.cursor").sequence > 200
            assert Cursor.open(site / "journal/uplink-group.cursor").sequence > 200
    finally:
        group.kill()


async def test_a_consumer_gets_the_streams_it_asked_for(tmp_path: Path, mosquitto: Mosquitto) -> None:
    group = Mosquitto(tmp_path / "group").start()
    try:
        async with two_consumers(tmp_path, mosquitto, group, 'streams = ["event"]') as site:
            field, events = FieldSide(site), Subscriber(group.port)
            async with events.listening(), running(load_site(site)) as link, handing_over(field):
                for _ in range(20):
                    field.scan()
                field.event("device_lost", device=1)
                await until(lambda: "device_lost" in events.kinds(), "the event arrives")
                await until(lambda: row(link, "group")["waiting"] == 0, "the scans are not waited for")
            assert not events.scans
    finally:
        group.kill()


async def test_with_receipts_only_the_receiver_moves_the_watermark(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port, 'confirm = "receipt"\nreceipt_s = 0.5')
    field, subscriber = FieldSide(site), Subscriber(mosquitto.port)
    async with subscriber.listening(), running(load_site(site)) as link, handing_over(field):
        for _ in range(10):
            field.scan()
        await until(lambda: subscriber.numbers() == list(range(1, 11)), "the broker has taken everything")
        assert delivery(link)["confirmed"] == 0
        await until(lambda: subscriber.again >= 10, "without a receipt it comes again")
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish(RECEIPT_TOPIC, b"nonsense", qos=1)
            await client.publish(RECEIPT_TOPIC, receipt([(1, 3)], "mine"), qos=1)
            await until(lambda: delivery(link)["confirmed"] == 3, "so far")
            await client.publish(RECEIPT_TOPIC, receipt([(1, 10**9)], "mine"), qos=1)
            await client.publish(RECEIPT_TOPIC, receipt([(5, subscriber.sequences[-1])], "mine"), qos=1)
            await until(lambda: row(link, "mine")["ahead"] > 0, "an island")  # type: ignore[operator]  # a count
            assert delivery(link)["confirmed"] == 3
            await client.publish(RECEIPT_TOPIC, receipt([(4, 4)], "mine"), qos=1)
            await until(lambda: delivery(link)["confirmed"] >= 10, "all of it")
