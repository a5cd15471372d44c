"""What the interlock decides is journaled once per verdict, gaps are declared, and areas reach the page."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from link_work import running, shown_kinds, until, write_site
from minegate_agent.link.app import Link
from minegate_agent.link.journal import EVENT
from minegate_agent.link.records import decode_event
from minegate_agent.link.verdict_event import event_of
from minegate_agent.site import load_site
from minegate_interlock.lines import RECORD_BYTES_MAX, Cause, Resume, Verdict, What, pack, unpack
from minegate_interlock.reaction import Reactions
from mosquitto import free_port
from page_site import AREA, CUT

RULES = bytes.fromhex("a1b2c3d4e5f60718")


def verdict(sequence: int, what: int = What.ALARM, *, boot: int = 7, value: float = 1.25, age_ms: int = 10) -> Verdict:
    return Verdict(boot, sequence, what, Cause.LIMIT, age_ms, AREA, "1201-T1-ch4", value, 1.0, "", "", RULES)


class Interlock:
    """The listening end of verdicts.sock, with the reader that is there now."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    async def reader(self) -> tuple[socket.socket, Resume]:
        """The next reader, and from where it wants to hear on."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            line, _ = await loop.sock_accept(self._listener)
            line.setblocking(False)
            resume = unpack(await loop.sock_recv(line, RECORD_BYTES_MAX))
        assert isinstance(resume, Resume)
        return line, resume


@asynccontextmanager
async def interlock(site: Path) -> AsyncIterator[Interlock]:
    folder = load_site(site).run_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "verdicts.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    listener.bind(str(path))
    listener.listen(4)
    try:
        yield Interlock(listener)
    finally:
        listener.close()


def make_site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", free_port())


def journaled(link: Link) -> list[tuple[object, ...]]:
    """(kind, boot, sequence) of verdicts and (loss, boot, first, last) of losses, in journal order."""
    events = [decode_event(r.body) for r in link._journal.read(0, 10_000, 10**8) if r.klass == EVENT]
    return [
        (event["kind"], event["boot"], event["sequence"])
        if event["from"] == "interlock"
        else ("loss", event["boot"], event["first"], event["last"])
        for event in events
        if event["from"] == "interlock" or event.get("of") == "interlock"
    ]


async def heard(link: Link, count: int) -> list[tuple[object, ...]]:
    await until(lambda: len(journaled(link)) >= count, f"{count} verdicts in the journal")
    return journaled(link)


async def test_a_first_link_asks_for_everything_and_a_restarted_one_for_the_rest(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door:
        async with running(load_site(site)) as link:
            line, resume = await door.reader()
            assert resume == Resume(0, 0)
            line.sendall(pack(verdict(1)))
            line.sendall(pack(verdict(2, What.CUT)))
            assert await heard(link, 2) == [("alarm", 7, 1), ("cut", 7, 2)]
            line.close()
        async with running(load_site(site)) as link:
            line, resume = await door.reader()
            assert resume == Resume(7, 2)
            told = ["started", "cut", "alarm", "started"]
            await until(lambda: shown_kinds(link) == told, "shown when it is on disk")
            line.close()


async def test_cut_times_are_shown_and_not_journaled(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door, running(load_site(site)) as link:
        line, _ = await door.reader()
        reactions = Reactions("relay-1", "T1")
        reactions.add(44)
        line.sendall(pack(reactions.record()))
        await until(lambda: bool(link.view.snapshot(0)["reactions"]), "shown")
        assert journaled(link) == []
        line.close()


async def test_verdicts_told_again_after_a_break_are_journaled_once(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door, running(load_site(site)) as link:
        line, _ = await door.reader()
        line.sendall(pack(verdict(1)))
        await heard(link, 1)
        line.close()
        line, resume = await door.reader()
        assert resume == Resume(7, 1)
        for sequence in (1, 2):
            line.sendall(pack(verdict(sequence)))
        assert await heard(link, 2) == [("alarm", 7, 1), ("alarm", 7, 2)]
        line.close()


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        ([1, 4], [("alarm", 7, 1), ("loss", 7, 2, 3), ("alarm", 7, 4)]),
        ([5], [("loss", 7, 1, 4), ("alarm", 7, 5)]),
    ],
)
async def test_verdicts_that_the_interlock_no_longer_had_are_declared(
    tmp_path: Path, sequences: list[int], expected: list[tuple[object, ...]]
) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door, running(load_site(site)) as link:
        line, _ = await door.reader()
        for sequence in sequences:
            line.sendall(pack(verdict(sequence)))
        assert await heard(link, len(expected)) == expected
        line.close()


async def test_a_new_interlock_begins_at_one_again(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door, running(load_site(site)) as link:
        line, _ = await door.reader()
        line.sendall(pack(verdict(1)))
        line.sendall(pack(verdict(1, What.STARTED, boot=8)))
        assert await heard(link, 2) == [("alarm", 7, 1), ("started", 8, 1)]
        line.close()


async def test_areas_reach_the_page_and_nonsense_is_passed_over(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    async with interlock(site) as door, running(load_site(site)) as link:
        line, _ = await door.reader()
        line.sendall(b"\xffnot a record")
        line.sendall(pack(CUT))
        await until(lambda: bool(link.view.snapshot(0)["areas"]), "shown")
        assert link.view.snapshot(0)["processes"]["interlock"] is True  # type: ignore[index]
        line.close()
        await until(lambda: link.view.snapshot(0)["processes"]["interlock"] is False, "gone")  # type: ignore[index]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_told_as_none(value: float) -> None:
    assert event_of(verdict(1, value=value), 1000)["value"] is None


def test_an_event_says_when_the_verdict_was_made_and_by_which_rules() -> None:
    event = event_of(verdict(3, age_ms=40), 1_000_000)
    assert (event["utc_ms"], event["kind"], event["cause"], event["rules"]) == (999_960, "alarm", "limit", RULES.hex())


def test_a_code_of_a_newer_interlock_stays_a_number() -> None:
    assert event_of(verdict(1, 200), 0)["kind"] == "200"
