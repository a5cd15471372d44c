"""What field hands over is journaled once, confirmed only when it is on disk, and what is missing is declared."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from field_side import FieldSide, handing_over
from link_work import BOOT, journaled_numbers, packed, running, shown_kinds, until, write_site
from minegate_agent.link.app import Link
from minegate_agent.link.hand_over import FRAME_BYTES_MAX, frame, receive
from minegate_agent.link.journal import EVENT, SCAN
from minegate_agent.link.records import decode_event
from minegate_agent.site import load_site
from mosquitto import free_port


def make_site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", free_port())


def losses(link: Link) -> list[tuple[object, ...]]:
    events = [
        decode_event(record.body) for record in link._journal.read(0, 100_000, 100_000_000) if record.klass == EVENT
    ]
    keys = ("of", "boot", "first", "last", "count", "reason")
    return [
        tuple(event[key] for key in keys) for event in events if event["kind"] == "loss" and event["from"] == "link"
    ]


async def connected(site: Path, greeting: dict[str, object]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    path = load_site(site).run_folder / "scans.sock"
    await until(path.exists, "link listens")
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(frame(greeting))
    return reader, writer


def greeting(site: Path, **change: object) -> dict[str, object]:
    return {"k": "hello", "boot": BOOT, "previous": None, "config": load_site(site).hash, **change}


def scan_row(number: int) -> list[object]:
    return [number, "s", 1, 0, 0, 0, 1_772_323_200_000, 1, struct.pack(">HH", 50, 0)]


async def confirmed(reader: asyncio.StreamReader, number: int) -> None:
    async with asyncio.timeout(20):
        while (await receive(reader))["number"] < number:
            pass


async def test_items_are_journaled_in_order_and_confirmed(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    field = FieldSide(site)
    async with running(load_site(site)) as link, handing_over(field):
        for _ in range(500):
            field.scan()
        field.event("port_lost", port="rs485-1")
        await field.confirmed_all()
        assert journaled_numbers(link) == list(range(1, 502))
        assert losses(link) == []
        assert "port_lost" in shown_kinds(link)


async def test_items_sent_again_after_a_break_are_journaled_once(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        for upto in (10, 25, 25, 40):
            reader, writer = await connected(site, greeting(site))
            writer.write(frame({"k": "items", "items": [scan_row(number) for number in range(1, upto + 1)]}))
            await confirmed(reader, upto)
            writer.close()
        assert journaled_numbers(link) == list(range(1, 41))


async def test_a_new_connection_takes_over_from_the_old_one(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        old_reader, old_writer = await connected(site, greeting(site))
        await receive(old_reader)
        new_reader, new_writer = await connected(site, greeting(site))
        await receive(new_reader)
        assert await old_reader.read() == b""
        new_writer.write(frame({"k": "items", "items": [scan_row(1)]}))
        await confirmed(new_reader, 1)
        assert link.view.snapshot(0)["processes"]["field"] is True  # type: ignore[index]
        old_writer.close()
        new_writer.close()


async def test_a_hole_in_the_numbers_is_declared_exactly(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    field = FieldSide(site)
    for _ in range(30):
        field.scan()
    field.drop(4, 17)
    field.event("loss", first=4, last=17, count=14, reason="hold_full")
    async with running(load_site(site)) as link, handing_over(field):
        await field.confirmed_all()
        assert journaled_numbers(link) == [1, 2, 3, *range(18, 32)]
        assert losses(link) == [("field", BOOT, 4, 17, 14, "gap")]


@pytest.mark.parametrize(("numbered", "lost"), [(5, []), (6, [6, 6]), (9, [6, 9])])
async def test_what_a_dead_field_had_numbered_and_not_handed_over_is_declared_once(
    tmp_path: Path, numbered: int, lost: list[int]
) -> None:
    site = make_site(tmp_path)
    dead = FieldSide(site, boot=77)
    expected = [("field", 77, lost[0], lost[1], lost[1] - lost[0] + 1, "field_died")] if lost else []
    async with running(load_site(site)), handing_over(dead):
        for _ in range(5):
            dead.scan()
        await dead.confirmed_all()
    for _ in range(2):  # link restarts, and the same field tells the same tally again
        async with running(load_site(site)) as link:
            field = FieldSide(site, previous=(77, numbered))
            async with handing_over(field):
                await until(lambda field=field: field.connections > 0, "welcome")  # type: ignore[misc]
                await until(lambda link=link: link._journal.pending == 0, "on disk")  # type: ignore[misc]
                assert losses(link) == expected


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (None, [("field", 77, 6, None, None, "power_cut")]),  # the tally went with the power
        ((77, 3), [("field", 77, 6, None, None, "power_cut")]),  # it is older than what link has
        ((77, 8), [("field", 77, 6, 8, 3, "field_died"), ("field", 77, 9, None, None, "power_cut")]),
    ],
)
async def test_after_a_power_cut_nobody_knows_how_much_was_lost_and_that_is_said_once(
    tmp_path: Path, kept: tuple[int, int] | None, told: list[tuple[object, ...]]
) -> None:
    site = make_site(tmp_path)
    dead = FieldSide(site, boot=77)
    async with running(load_site(site), machine="first start") as link, handing_over(dead):
        for _ in range(5):
            dead.scan()
        await dead.confirmed_all()
        await until(lambda: not link._intake._machine.unnoted, "noted")
    for _ in range(2):  # link restarts, the machine does not
        async with running(load_site(site), machine="second start") as link:
            field = FieldSide(site, previous=kept)
            field.scan()
            async with handing_over(field):
                await field.confirmed_all()
                await until(lambda link=link: not link._intake._machine.unnoted, "noted")  # type: ignore[misc]
                assert losses(link) == told
    async with running(load_site(site), machine="third start") as link, handing_over(FieldSide(site, boot=78)):
        await until(lambda: len(losses(link)) > len(told), "the next one is told too")
        assert losses(link)[-1] == ("field", BOOT, 2, None, None, "power_cut")


async def test_a_power_cut_behind_a_boot_that_nobody_heard_of_ends_the_one_that_is_known(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    dead = FieldSide(site, boot=77)
    async with running(load_site(site), machine="first start") as link, handing_over(dead):
        dead.scan()
        await dead.confirmed_all()
        await until(lambda: not link._intake._machine.unnoted, "noted")
    async with running(load_site(site), machine="second start") as link:  # boot 78 has numbered two, and link was away
        async with handing_over(FieldSide(site, boot=79, previous=(78, 2))):
            await until(lambda: len(losses(link)) == 2, "both are told")
        assert losses(link) == [("field", 78, 1, 2, 2, "field_died"), ("field", 77, 2, None, None, "power_cut")]


async def test_a_new_gateway_has_lost_nothing(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    for start in ("", "first start"):  # a system that cannot tell its starts apart says nothing of them either
        async with running(load_site(site), machine=start) as link:
            field = FieldSide(site)
            field.scan()
            async with handing_over(field):
                await field.confirmed_all()
            assert losses(link) == []


async def test_the_bounds_of_a_loss_have_times(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        dead = FieldSide(site, boot=77)
        async with handing_over(dead):
            dead.scan(utc_ms=1_772_323_200_000)
            await dead.confirmed_all()
        async with handing_over(FieldSide(site, previous=(77, 3))):
            await until(lambda: "loss" in shown_kinds(link), "declared")
        loss = next(event for event in link.view.snapshot(0)["events"] if event["kind"] == "loss")  # type: ignore[attr-defined]
    assert loss["from_utc_ms"] == 1_772_323_200_000
    assert loss["to_utc_ms"] == loss["utc_ms"] > loss["from_utc_ms"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([2, "s", 99_999, 0, 0, 0, 1, 1, b""], "device 99999"),
        ([2, "s", 1, 0, 0], "values to unpack"),
        ([2, "e", 1, {"from": "field"}], "kind"),
        ([2, "?"], "is not known"),
    ],
)
async def test_an_item_that_cannot_be_kept_is_declared_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, row: list[object], why: str
) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        reader, writer = await connected(site, greeting(site))
        writer.write(frame({"k": "items", "items": [scan_row(1), row, scan_row(3)]}))
        await confirmed(reader, 3)
        writer.close()
        assert losses(link) == [("field", BOOT, 2, 2, 1, "unreadable")]
        assert journaled_numbers(link) == [1, 3]
    assert any(why in line for line in caplog.messages), caplog.messages


GOOD_HELLO: dict[str, Any] = {"k": "hello", "boot": 1, "previous": None, "config": "?"}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (struct.pack("<I", FRAME_BYTES_MAX + 1), "limit 16777216"),
        (struct.pack("<I", 3) + b"\xc1\xc1\xc1", "not msgpack"),
        (struct.pack("<I", 1) + b"\x05", "no map with `k`"),
        (frame({"k": "items", "items": []}), "'items' before hello"),
        (frame({**GOOD_HELLO, "boot": 0}), "hello with boot 0"),
        (frame({**GOOD_HELLO, "boot": "1"}), "hello with boot '1'"),
        (frame({**GOOD_HELLO, "previous": [1]}), "hello with previous [1]"),
        (frame({**GOOD_HELLO, "previous": [1, -1]}), "hello with previous [1, -1]"),
        (..., "an item without a number"),
        ({"k": "what"}, "a message of kind 'what'"),
    ],
)
async def test_a_mangled_frame_closes_its_connection_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: Any, said: str
) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)):
        path = load_site(site).run_folder / "scans.sock"
        await until(path.exists, "link listens")
        reader, writer = await asyncio.open_unix_connection(str(path))
        if not isinstance(sent, bytes):
            writer.write(frame(greeting(site)))
            await receive(reader)
            sent = frame({"k": "items", "items": [["no number"]]} if sent is ... else sent)
        writer.write(sent)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    closed = [line for line in caplog.messages if line.startswith("field closed")]
    assert len(closed) == 1
    assert said in closed[0]


async def test_a_field_with_an_unknown_configuration_is_refused_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        for _ in range(2):
            _, writer = await connected(site, greeting(site, config="feedfeedfeedfeed"))
            await until(lambda: any("feedfeedfeedfeed" in line for line in caplog.messages), "refused")
            writer.close()
        assert journaled_numbers(link) == []
    assert len([line for line in caplog.messages if "field refused" in line]) == 1


async def test_a_field_restarted_with_an_edited_configuration_is_journaled_under_it(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        toml = site / "gateway.toml"
        toml.write_text(toml.read_text(encoding="utf-8").replace("掘进工作面", "回风"), encoding="utf-8")
        field = FieldSide(site)
        async with handing_over(field):
            field.scan()
            await field.confirmed_all()
        assert "config_change" in shown_kinds(link)
        (entry,) = [r.sequence for r in link._journal.read(0, 100, 10**6) if r.klass == SCAN]
        assert link._births.at(entry)[0].config == field.config


async def test_health_reaches_the_page(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with running(load_site(site)) as link:
        reader, writer = await connected(site, greeting(site))
        writer.write(frame({"k": "health", "ports": [{"name": "rs485-1", "up": True}], "devices": [], "hold": {}}))
        await receive(reader)
        await until(lambda: link.view.snapshot(0)["lines"][0]["up"] is True, "shown")  # type: ignore[index]
        writer.close()


def test_a_frame_is_its_length_and_a_map() -> None:
    body = packed({"k": "have"})
    assert frame({"k": "have"}) == struct.pack("<I", len(body)) + body
