"""The receiving end keeps each record once, tells what is missing, follows the chain; its receipt is the last word."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from link_work import GATEWAY, MINE, delivery, running, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.anchors import signed_text
from minegate_agent.link.records import EVENT, SCAN, encode_event
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.chain import START, linked
from minegate_agent.site import load_site
from minegate_sim.ingest.account import account
from minegate_sim.ingest.store import Arrived, Store
from minegate_sim.ingest.thinned import check
from minegate_tools.commands.status import shown
from mosquitto import Mosquitto

NAME = f"minegate/1/{MINE}/{GATEWAY}"


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "key").write_text("07" * 32, encoding="ascii")
    found = signer(tmp_path / "key")
    (tmp_path / "key.pub").write_text(found.public.hex(), encoding="ascii")
    return found


def sent(count: int, key: Signer, every: int = 10) -> list[Arrived]:
    """Records as a journal would have them, an anchor behind each ten."""
    records: list[Arrived] = []
    chain = START

    def add(klass: int, body: bytes) -> None:
        nonlocal chain
        records.append(Arrived(len(records) + 1, klass, body))
        chain = linked(chain, len(records), klass, body)

    for number in range(1, count + 1):
        add(SCAN, b"scan %d" % number)
        if number % every == 0:
            signature = key.sign(signed_text(MINE, GATEWAY, len(records), chain))
            told = {"through": len(records), "chain": chain, "key": key.public, "signature": signature}
            add(EVENT, encode_event({"kind": "anchor", "from": "link", "utc_ms": 1, **told}))
    return records


def test_what_arrived_whole_is_proved_from_the_first_record_to_the_last_anchor(key: Signer) -> None:
    drawn = account(sent(30, key), 0, MINE, GATEWAY, key.public)
    assert drawn.balanced
    assert drawn.proved == ((1, 10), (11, 21), (22, 32))


def test_a_changed_record_is_contradicted_by_its_span_only(key: Signer) -> None:
    records = sent(30, key)
    records[14] = records[14]._replace(body=b"scan 99")
    drawn = account(records, 0, MINE, GATEWAY, key.public)
    assert not drawn.balanced
    assert drawn.contradicted[0] == (11, 21)
    assert (1, 10) in drawn.proved


def test_a_record_that_never_came_is_missing_unless_a_loss_declares_it(key: Signer) -> None:
    records = [record for record in sent(30, key) if record.sequence not in (5, 6)]
    assert account(records, 0, MINE, GATEWAY, None).missing == ((5, 6),)
    loss = {"kind": "loss", "from": "link", "utc_ms": 1, "of": "journal", "first": 5, "last": 6, "count": 2}
    records.append(Arrived(records[-1].sequence + 1, EVENT, encode_event(loss)))
    drawn = account(records, 0, MINE, GATEWAY, key.public)
    assert (drawn.missing, drawn.declared) == ((), ((5, 6),))
    assert drawn.contradicted == ()


def test_a_record_is_kept_once_whoever_brings_it(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "s"), Store(tmp_path / "s")
    record = Arrived(1, SCAN, b"first")
    assert one.keep("g", "b", [record]) == 0
    assert other.keep("g", "b", [record._replace(body=b"second"), Arrived(2, SCAN, b"x")]) == 1
    assert list(one.records("g")) == [record, Arrived(2, SCAN, b"x")]
    assert (one.again("g"), other.again("h")) == (1, 0)
    one.close()
    other.close()


def test_a_store_that_refuses_keeps_nothing_of_the_message(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    with pytest.raises(sqlite3.Error):
        store.keep("g", "b", [Arrived(1, SCAN, b"x"), Arrived(2, SCAN, None)])  # type: ignore[arg-type]  # on purpose
    assert list(store.records("g")) == []
    assert store.keep("g", "b", [Arrived(1, SCAN, b"x")]) == 0
    store.close()


class Ingest:
    """The ingest as a process of its own."""

    def __init__(self, store: Path, port: int, workers: int) -> None:
        self._arguments = [sys.executable, "-m", "minegate_sim.ingest", str(store), "--port", str(port)]
        self._arguments += ["--workers", str(workers)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._arguments, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def end(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)
        assert self._process.wait(10) == 0
        self._process = None


def compared(site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`minegate verify-delivery`."""
    command = [sys.executable, "-m", "minegate_tools", "verify-delivery", str(site)]
    command += ["--ingest", str(folder / "ingest.db"), "--key", str(folder / "key.pub")]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("workers", [1, 3])
async def test_an_ingest_killed_in_the_middle_loses_nothing_and_the_account_balances(
    tmp_path: Path, mosquitto: Mosquitto, key: Signer, workers: int
) -> None:
    uplink = 'confirm = "receipt"\nreceipt_s = 1.0\nblock_records_max = 20'
    site = write_site(tmp_path / "site", mosquitto.port, uplink)
    toml = (site / "gateway.toml").read_text(encoding="utf-8")
    (site / "gateway.toml").write_text(toml.replace("[journal]", '[journal]\nkey_file = "../key"'), encoding="utf-8")
    ingest, field = Ingest(tmp_path / "ingest.db", mosquitto.port, workers), FieldSide(site)
    try:
        ingest.start()
        async with running(load_site(site)) as link, handing_over(field):
            for number in range(600):
                field.scan()
                if number % 20 == 0:
                    await asyncio.sleep(0.01)
                if number == 300:
                    await until(lambda: delivery(link)["confirmed"] > 100, "some have their receipt")
                    ingest.kill()
            await field.confirmed_all()
            assert delivery(link)["waiting"] > 0
            ingest.start()
            await until(lambda: delivery(link)["waiting"] == 0, "every record has its receipt")
            ingest.end()
    finally:
        ingest.kill()
    store = Store(tmp_path / "ingest.db")
    drawn = account(store.records(NAME), store.again(NAME), MINE, GATEWAY, key.public)
    store.close()
    assert drawn.balanced
    assert drawn.received == drawn.last >= 601
    ended = compared(site, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    db = sqlite3.connect(tmp_path / "ingest.db")
    db.execute("UPDATE record SET body = x'00' WHERE sequence = 50")
    db.commit()
    db.close()
    ended = compared(site, tmp_path)
    assert ended.returncode == 1
    assert "stored with other bytes than the journal's: 50 to 50" in ended.stdout


@pytest.mark.long
async def test_an_outage_that_overruns_the_budget_is_thinned_delivered_and_accounted_for(
    tmp_path: Path, mosquitto: Mosquitto, key: Signer
) -> None:
    """Three times the budget comes while no broker is there; then all is delivered that was not declared lost."""
    mosquitto.stop()
    site = write_site(tmp_path / "site", mosquitto.port, 'confirm = "receipt"\nreceipt_s = 1.0')
    toml = (site / "gateway.toml").read_text(encoding="utf-8")
    bounds = '[journal]\nkey_file = "../key"\nbytes_max = 1_000_000\nsegment_bytes = 65_536'
    (site / "gateway.toml").write_text(toml.replace("[journal]", bounds), encoding="utf-8")
    ingest, field = Ingest(tmp_path / "ingest.db", mosquitto.port, 1), FieldSide(site)
    record = random.Random(1).randbytes(4_000)
    try:
        async with running(load_site(site)) as link, handing_over(field):
            for number in range(750):
                utc_ms = SystemClock().utc_ms()
                field.item(["s", 1, 0, 0, number, utc_ms, 1, number.to_bytes(2, "big") + record])
                if number % 50 == 0:
                    field.event("device_lost", device=1)
                    await field.confirmed_all()
            await field.confirmed_all()
            await until(lambda: not link._journal.wants_room, "the budget is kept")
            thinned = link._journal.thinned
            told = shown(link._document())
            assert f"{thinned} readings thinned" in told, told
            assert re.search(r"written \d+ bytes, [4-9]\d{3}\.\d for each reading", told), told
            mosquitto.start()
            ingest.start()
            await until(lambda: delivery(link)["waiting"] == 0, "everything that is left has arrived")
            await until(lambda: len(Store(tmp_path / "ingest.db").gateways()) == 1, "the ingest has it")
            ingest.end()
    finally:
        ingest.kill()
    store = Store(tmp_path / "ingest.db")
    drawn = account(store.records(NAME), store.again(NAME), MINE, GATEWAY, key.public)
    checked = check(drawn.thinnings, lambda first, last: store.records(NAME, first, last))
    lost = [(event["first"], event["last"]) for event in drawn.thinnings]
    store.close()
    assert drawn.balanced
    assert thinned == sum(last - first + 1 for first, last in drawn.declared) > 300
    assert lost
    assert len(checked.proved) > 5
    assert checked.contradicted == ()
    ended = compared(site, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"declared lost {thinned}:" in ended.stdout
    verified = subprocess.run(  # noqa: ASYNC221 - it is over
        [sys.executable, "-m", "minegate_tools", "verify", str(site)], capture_output=True, text=True
    )
    assert (verified.returncode, verified.stdout.count("thinned: ")) == (0, 1), verified.stdout
