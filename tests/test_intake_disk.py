"""A disk that refuses stops no process and costs no item: field keeps what is not confirmed, and the page says why."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from link_work import journaled_numbers, running, shown_kinds, until, write_site
from minegate_agent.link.disk import OpenFile, OsDisk
from minegate_agent.site import load_site
from mosquitto import free_port


class FullDisk(OsDisk):
    """The machine's disk, which refuses to write segments while `error` is set."""

    def __init__(self) -> None:
        self.error = 0

    def open(self, path: Path) -> OpenFile:
        return _Refusing(super().open(path), lambda: self.error if path.suffix == ".seg" else 0)

    def create(self, path: Path) -> OpenFile:
        return _Refusing(super().create(path), lambda: self.error if ".seg" in path.name else 0)


class _Refusing:
    def __init__(self, file: OpenFile, error: Callable[[], int]) -> None:
        self._file = file
        self._error = error
        self.truncate = file.truncate
        self.close = file.close

    def write_at(self, at: int, data: bytes) -> None:
        self._refuse()
        self._file.write_at(at, data)

    def fdatasync(self) -> None:
        self._refuse()
        self._file.fdatasync()

    def _refuse(self) -> None:
        if number := self._error():
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
async def test_while_the_disk_refuses_nothing_is_confirmed_and_then_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    caplog.set_level(logging.INFO, "link")
    site = write_site(tmp_path / "site", free_port())
    disk = FullDisk()
    field = FieldSide(site)
    async with running(load_site(site), disk) as link, handing_over(field):
        field.scan()
        await field.confirmed_all()
        disk.error = number
        for _ in range(300):
            field.scan()
        await until(lambda: link.view.snapshot(0)["disk"] == {"ok": False, "error": os.strerror(number)}, "shown")  # type: ignore[comparison-overlap]
        assert field.confirmed == 1
        assert link.view.snapshot(0)["points"][0]["value"] == 0.5  # type: ignore[index]  # the page goes on
        disk.error = 0
        await field.confirmed_all()
        await until(lambda: "disk_ok" in shown_kinds(link), "the edge is told")
        assert journaled_numbers(link) == list(range(1, 302))
        assert [kind for kind in shown_kinds(link) if kind.startswith("disk")] == ["disk_ok", "disk_error"]
        assert link.view.snapshot(0)["disk"] == {"ok": True, "error": ""}  # type: ignore[comparison-overlap]
    assert len([line for line in caplog.messages if "the disk refuses" in line]) == 1
