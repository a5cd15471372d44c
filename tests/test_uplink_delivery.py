"""Every sequence arrives at least once, whatever dies on the way; the watermark follows acknowledgements only."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from field_side import FieldSide, handing_over
from link_work import GATEWAY, MINE, Process, delivery, running, shown_kinds, until, write_site
from minegate_agent.link.cursor import Cursor
from minegate_agent.link.delivered import decode
from minegate_agent.site import load_site
from mosquitto import Mosquitto
from uplink_far_end import Relay, Subscriber

READER = Path(__file__).parent.parent / "tools/read_payload.py"


async def test_records_arrive_behind_their_birth_and_the_watermark_follows(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site = write_site(tmp_path / "site", mosquitto.port)
    field = FieldSide(site)
    subscriber = Subscriber(mosquitto.port)
    async with subscriber.listening():
        async with running(load_site(site)) as link, handing_over(field):
            for hundredths in range(50):
                field.scan(hundredths)
            field.event("device_lost", device=1)
            await field.confirmed_all()
            await until(lambda: subscriber.numbers() == list(range(1, 52)), "everything arrives")
            await until(lambda: delivery(link)["waiting"] == 0, "all confirmed")
            assert subscriber.streams[:2] == ["birth", "state"]
            assert "live" in subscriber.streams
            assert subscriber.states[-1]["online"] is True
        await until(lambda: subscriber.states[-1]["online"] is False, "the state is told at the end")
    assert subscriber.sequences == list(range(1, len(subscriber.sequences) + 1))
    cursor = Cursor.open(site / "journal/uplink.cursor")
    assert cursor.sequence == subscriber.sequences[-1]
    cursor.close()


async def test_a_broker_killed_in_the_middle_of_2000_records_costs_none(tmp_path: Path, mosquitto: Mosquitto) -> None:
    # The relay is shut until the receiver is back: what a broker has acknowledged is the broker's to keep.
    async with Relay(mosquitto.port).listening() as relay:
        site = write_site(tmp_path / "site", relay.port, "block_records_max = 20\nin_flight_max = 4")
        field = FieldSide(site)
        subscriber = Subscriber(mosquitto.port)
        async with running(load_site(site)), handing_over(field):
            async with subscriber.listening():
                for _ in range(2000):
                    field.scan()
                await until(lambda: len(subscriber.scans) > 300, "some have arrived")
                relay.shut = True
                await asyncio.to_thread(mosquitto.kill)
                await until(lambda: subscriber.cut, "everything that the broker had sent is read")
            assert len(subscriber.scans) < 2000
            await field.confirmed_all()  # the journal does not need the broker
            await asyncio.to_thread(mosquitto.start)
            async with subscriber.listening():
                relay.shut = False
                await until(lambda: subscriber.numbers() == list(range(1, 2001)), "everything arrives")
                await until(lambda: subscriber.kinds().count("uplink_up") == 2, "the edge is told")
    assert subscriber.sequences == list(range(1, subscriber.sequences[-1] + 1))
    assert [kind for kind in subscriber.kinds() if kind.startswith("uplink")] == [
        "uplink_up",
        "uplink_down",
        "uplink_up",
    ]


async def test_an_outage_of_many_attempts_is_two_events(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port, "")
    subscriber = Subscriber(mosquitto.port)
    async with running(load_site(site)) as link:
        await until(lambda: delivery(link)["connected"] is True, "up")
        await asyncio.to_thread(mosquitto.kill)
        await until(lambda: delivery(link)["connected"] is False, "down")
        await asyncio.sleep(1)  # some ten attempts at a back-off of at most 0.2 s
        await asyncio.to_thread(mosquitto.start)
        async with subscriber.listening():
            await until(lambda: delivery(link)["connected"] is True, "up")
            told = ["uplink_up", "uplink_down", "uplink_up", "started"]
            await until(lambda: shown_kinds(link) == told, "shown when it is on disk")


async def test_link_killed_while_field_keeps_feeding_loses_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port)
    field = FieldSide(site)
    subscriber = Subscriber(mosquitto.port)
    process = Process(site)
    try:
        async with subscriber.listening(), handing_over(field):
            for killed in range(3):
                process.start()
                before = field.confirmed
                for _ in range(300):
                    field.scan()
                    await asyncio.sleep(0)
                await until(lambda before=before: field.confirmed > before + 50, "link confirms")  # type: ignore[misc]
                field.event("device_lost", device=killed)
                process.kill()
                field.scan()
            process.start()
            await field.confirmed_all()
            await until(lambda: subscriber.numbers() == list(range(1, field.produced + 1)), "everything arrives")
            process.terminate()
            assert await process.ended() == 0, process.said()
            await until(lambda: subscriber.states[-1]["online"] is False, "the state is told")
    finally:
        process.kill()
    assert subscriber.sequences == list(range(1, subscriber.sequences[-1] + 1))
    assert "loss" not in subscriber.kinds()


async def test_a_line_that_swallows_everything_is_noticed_and_left(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with Relay(mosquitto.port).listening() as relay:
        site = write_site(tmp_path / "site", relay.port, "ack_timeout_s = 0.5")
        field = FieldSide(site)
        subscriber = Subscriber(mosquitto.port)
        async with subscriber.listening(), running(load_site(site)) as link, handing_over(field):
            field.scan()
            await until(lambda: len(subscriber.scans) == 1, "the first arrives")
            relay.deaf = True
            for _ in range(100):
                field.scan()
            await until(lambda: delivery(link)["connected"] is False, "noticed")
            await until(lambda: relay.connections > 1, "another attempt")
            relay.deaf = False
            await until(lambda: subscriber.numbers() == list(range(1, 102)), "everything arrives")
    assert any("no PUBACK" in str(told.event.get("reason")) for told in subscriber.events.values())


def read_by_the_standalone_reader(lines: bytes) -> list[Any]:
    ended = subprocess.run([sys.executable, "-I", str(READER)], input=lines, capture_output=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()]


async def test_a_stranger_with_mosquitto_sub_reads_the_streams(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port)
    field = FieldSide(site)
    async with running(load_site(site)), handing_over(field):
        for hundredths in (50, 51, 52):
            field.scan(hundredths)
        stranger = await asyncio.create_subprocess_exec(
            "mosquitto_sub", "-p", str(mosquitto.port), "-V", "5", "-q", "1", "-t", "minegate/1/#", "-F", "%t %x", "-W",
            "25", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert stranger.stdout is not None
        lines = [await stranger.stdout.readline()]  # the retained birth: it is subscribed
        field.scan(53)
        rows: list[Any] = []
        while not any(row.get("scan", {}).get("values", {}).get("ch4") == 0.53 for row in rows):
            lines.append(await stranger.stdout.readline())
            assert lines[-1], "mosquitto_sub has waited long enough"
            rows = await asyncio.to_thread(read_by_the_standalone_reader, b"".join(lines))
        stranger.terminate()
        await stranger.communicate()
    assert rows[0]["birth"]["points"][0]["place_zh"] == "掘进工作面"
    assert rows[-1]["gateway"] == f"minegate/1/{MINE}/{GATEWAY}"
    assert rows[-1]["scan"]["values"]["ch4"] == 0.53


async def test_a_backlog_goes_out_under_the_birth_it_was_read_with(tmp_path: Path, mosquitto: Mosquitto) -> None:
    await asyncio.to_thread(mosquitto.kill)
    site = write_site(tmp_path / "site", mosquitto.port)
    before = FieldSide(site)
    async with running(load_site(site)), handing_over(before):
        before.scan()
        await before.confirmed_all()
    toml = (site / "gateway.toml").read_text(encoding="utf-8")
    (site / "gateway.toml").write_text(toml.replace("掘进工作面", "回风"), encoding="utf-8")
    after = FieldSide(site, boot=2)
    await asyncio.to_thread(mosquitto.start)
    subscriber = Subscriber(mosquitto.port)
    async with subscriber.listening(), running(load_site(site)), handing_over(after):
        after.scan()
        await until(lambda: len(subscriber.scans) == 2, "both arrive")
        await until(lambda: "config_change" in subscriber.kinds(), "and what lies between them")
    places = {birth["b"]: birth["points"][0]["place_zh"] for birth in subscriber.births}
    told = {
        scan.boot: places[message.birth]
        for topic, payload in subscriber.raw
        if topic.endswith(("live", "history"))
        for message in [decode(payload)]
        for scan in message.scans
    }
    assert told == {before.boot: "掘进工作面", 2: "回风"}


async def test_a_broker_that_refuses_messages_gets_them_later_and_moves_nothing(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic write minegate/1/+/+/birth\ntopic write minegate/1/+/+/state\n", encoding="ascii")
    acl.chmod(0o600)
    broker = Mosquitto(tmp_path / "broker", settings=f"acl_file {acl}")
    broker.start()
    try:
        site = write_site(tmp_path / "site", broker.port, 'protocol = "5"')
        field = FieldSide(site)
        async with running(load_site(site)) as link, handing_over(field):
            field.scan()
            await field.confirmed_all()
            await until(lambda: broker.log.read_text(errors="replace").count("Denied PUBLISH") >= 3, "refused again")
            assert (delivery(link)["confirmed"], delivery(link)["connected"]) == (0, False)
            # Before there was a record to refuse, all was well; from then on no attempt costs an event.
            assert shown_kinds(link) in (["started"], ["uplink_down", "uplink_up", "started"])
    finally:
        broker.kill()
