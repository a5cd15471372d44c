"""A real file system that is full or read-only: field keeps, the page says why, and then all goes on by itself."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from field_side import FieldSide, handing_over
from link_work import BOOT, Process, journaled_numbers, running, shown_kinds, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.app import Link
from minegate_agent.site import load_site
from mosquitto import free_port

RECORD = random.Random(1).randbytes(2_000)
SMALL, ROOMY = "size=600k", "size=20m"


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A site whose journal lies on a file system of 600 kB."""
    site = write_site(tmp_path / "site", free_port())
    folder = site / "journal"
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", SMALL, "tmpfs", str(folder)):
        pytest.skip("only root may mount a tmpfs")
    try:
        yield site
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def read(field: FieldSide, count: int) -> None:
    clock = SystemClock()
    for number in range(count):
        field.item(["s", 1, 0, 0, clock.monotonic_ms(), clock.utc_ms(), 1, number.to_bytes(2, "big") + RECORD])


def shown_disk(link: Link) -> dict[str, Any]:
    shown = link.view.snapshot(0)["disk"]
    assert isinstance(shown, dict)
    return shown


async def test_a_full_file_system_costs_nothing_and_more_room_is_all_it_takes(site: Path) -> None:
    field = FieldSide(site)
    async with running(load_site(site)) as link, handing_over(field):
        read(field, 1_000)  # three times what there is room for
        await until(lambda: shown_disk(link) == {"ok": False, "error": os.strerror(errno.ENOSPC)}, "the page says it")
        await until(lambda: field.confirmed == link._journal.origins[BOOT] > 0, "what fits is on disk")
        kept = field.confirmed
        assert 100 < kept < 300
        read(field, 50)
        await until(lambda: link._journal.pending > 0, "in memory, as far as that goes")
        assert field.confirmed == kept, "nothing is confirmed that is not on disk"
        assert mounted("-o", f"remount,{ROOMY}", str(site / "journal"))
        await field.confirmed_all()
        await until(lambda: shown_disk(link)["ok"], "the page says that too")
        assert [kind for kind in shown_kinds(link) if kind.startswith("disk")] == ["disk_ok", "disk_error"]
        assert journaled_numbers(link) == list(range(1, 1_051))


async def test_a_read_only_file_system_is_one_clear_line_and_the_next_start_goes_on(site: Path) -> None:
    field, link = FieldSide(site), Process(site)
    try:
        async with handing_over(field):
            link.start()
            read(field, 20)
            await field.confirmed_all()
            link.kill()
            assert mounted("-o", "remount,ro", str(site / "journal"))
            read(field, 20)
            before = link.said()
            link.start()
            assert await link.ended() == 1
            told = link.said()[len(before) :].splitlines()
            assert [line for line in told if "Read-only file system" in line] == told[-1:], told
            assert field.confirmed == 20
            assert mounted("-o", f"remount,rw,{ROOMY}", str(site / "journal"))
            link.start()
            await field.confirmed_all()
            assert field.confirmed == 40
            link.terminate()
            assert await link.ended() == 0
    finally:
        link.kill()
