"""Link killed with -9 at any moment, again and again, and the broker with it: the account of the receiver balances."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from link_work import BOOT, GATEWAY, MINE, Process, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.records import EVENT, SCAN, decode_event, decode_scan
from minegate_sim.ingest.account import Account, account
from minegate_sim.ingest.store import Arrived, Store
from mosquitto import Mosquitto
from test_ingest import Ingest

NAME = f"minegate/1/{MINE}/{GATEWAY}"
LIFE_S = (0.0, 1.6)  # how long a link lives: killed while it starts, or well behind that
TICK_S = 0.005
BROKER_EVERY = 7  # kills; then the broker dies too


async def produce(field: FieldSide) -> None:
    """Readings, and now and then an event, for ever."""
    while True:
        for _ in range(3):
            field.scan()
        if field.produced % 50 < 3:
            field.event("device_lost", device=1)
        await asyncio.sleep(TICK_S * 3)


@pytest.mark.parametrize("kills", [5, pytest.param(1_000, marks=pytest.mark.long)])
async def test_the_account_balances_however_often_link_is_killed(
    tmp_path: Path, mosquitto: Mosquitto, kills: int
) -> None:
    chance = random.Random(kills)
    site = write_site(tmp_path / "site", mosquitto.port, 'confirm = "receipt"\nreceipt_s = 1.0')
    field, link = FieldSide(site), Process(site)
    ingest = Ingest(tmp_path / "ingest.db", mosquitto.port, 1)
    begun = SystemClock().monotonic_ms() / 1000
    try:
        ingest.start()
        async with handing_over(field):
            producing = asyncio.create_task(produce(field))
            for kill in range(1, kills + 1):
                link.start()
                await asyncio.sleep(chance.uniform(*LIFE_S))
                link.kill()
                if kill % BROKER_EVERY == 0:
                    mosquitto.kill()
                    mosquitto.start()
            producing.cancel()
            link.start()
            await field.confirmed_all()
            ends_s = 30 + kills / 10
            store = Store(tmp_path / "ingest.db")
            await until(lambda: _has_all(store, field.produced), "everything arrives", ends_s)
            store.close()
            link.terminate()
            await link.ended()
    finally:
        link.kill()
        ingest.kill()
    drawn, items = _drawn(tmp_path / "ingest.db")
    assert drawn.balanced, drawn.missing[:10]
    assert drawn.declared == ()
    assert items == Counter(dict.fromkeys(range(1, field.produced + 1), 1))
    said = link.said()
    assert "Traceback" not in said, said[-2_000:]
    print(
        f"{kills} kills, {field.produced} items, {drawn.last} records, {drawn.again} repetitions removed, "
        f"{field.connections} connections of field, {SystemClock().monotonic_ms() / 1000 - begun:.0f} s"
    )


def _has_all(store: Store, produced: int) -> bool:
    """Every item, and no gap in the sequences. Cheap, because it is asked often."""
    newest = store.newest(NAME, 1)
    return bool(newest) and store.count(NAME) == newest[0].sequence and _newest_item(store) == produced


def _newest_item(store: Store) -> int:
    return max((_number(record) for record in store.newest(NAME, 500)), default=0)


def _drawn(path: Path) -> tuple[Account, Counter[int]]:
    """The account, and how often each item came. In the order of the journal the numbers of a boot rise."""
    store = Store(path)
    try:
        items = [number for record in store.records(NAME) if (number := _number(record))]
        drawn = account(store.records(NAME), store.again(NAME), MINE, GATEWAY, None)
    finally:
        store.close()
    assert items == sorted(items)
    return drawn, Counter(items)


def _number(record: Arrived) -> int:
    """Of field's item; 0 for an event of link."""
    if record.klass == SCAN:
        return decode_scan(record.body).number
    assert record.klass == EVENT
    event = decode_event(record.body)
    return int(str(event["number"])) if event.get("boot") == BOOT and event["from"] == "field" else 0
