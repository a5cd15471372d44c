"""The link process as a whole: its socket, its end, its page, and one line for what it cannot do."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest

from field_side import FieldSide, handing_over
from link_work import DEADLINE_S, Process, running, until, write_site
from minegate_agent.clock import ClockQuality
from minegate_agent.link.birth import Birth, birth_of
from minegate_agent.link.births import Births
from minegate_agent.link.clock_watch import offset_of, step_ms
from minegate_agent.link.disk import OS_DISK
from minegate_agent.site import load_site
from minegate_sim.disk import SimDisk
from mosquitto import free_port


async def document(site: Path) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(str(load_site(site).run_folder / "status.sock"))
    text = await reader.read()
    writer.close()
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


async def test_the_status_socket_answers_once_with_the_whole_document(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", free_port())
    field = FieldSide(site)
    async with running(load_site(site)), handing_over(field):
        field.scan(125)
        await field.confirmed_all()
        told = await document(site)
    assert told["points"][0]["value"] == 1.25  # type: ignore[index]
    assert told["delivery"]["connected"] is False  # type: ignore[index]
    assert isinstance(told["utc_ms"], int)


async def test_a_restarted_link_shows_what_its_journal_ends_with(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", free_port())
    field = FieldSide(site)
    async with running(load_site(site)), handing_over(field):
        field.scan(125)
        field.event("device_lost", device=1)
        await field.confirmed_all()
    async with running(load_site(site)):
        path = load_site(site).run_folder / "status.sock"
        await until(path.exists, "link listens")
        async with asyncio.timeout(DEADLINE_S):  # its own start is shown when it is on disk
            while (told := await document(site)) and kinds(told)[:1] != ["started"]:
                await asyncio.sleep(0.05)
    assert told["points"][0]["value"] == 1.25  # type: ignore[index]
    assert kinds(told) == ["started", "device_lost", "started"]


def kinds(told: dict[str, object]) -> list[str]:
    """Of the events in a status document, the newest first."""
    return [event["kind"] for event in told["events"]]  # type: ignore[attr-defined]


async def test_sigterm_ends_it_with_exit_code_0_and_what_was_handed_over_is_confirmed(tmp_path: Path) -> None:
    # A listener that never answers: the TLS handshake hangs in a thread for 60 s while the process is told to end.
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        site = write_site(tmp_path / "site", silent.getsockname()[1], "ack_timeout_s = 60\ntls = {}")
        process = Process(site)
        field = FieldSide(site)
        process.start()
        try:
            async with handing_over(field):
                for _ in range(200):
                    field.scan()
                await until(lambda: field.connections > 0, "field is welcome")
                await field.confirmed_all()
                for _ in range(50):
                    field.scan()
                await field.confirmed_all()
                process.terminate()
                async with asyncio.timeout(10):
                    assert await process.ended() == 0, process.said()
        finally:
            process.kill()
    assert not (load_site(site).run_folder / "scans.sock").exists()
    assert "Traceback" not in process.said()


async def test_a_configuration_that_cannot_be_run_is_exit_code_2_and_one_line(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", free_port(), "block_ms2 = 5")
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "minegate_agent.link", str(site)], capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "block_ms2" in ended.stderr


async def test_a_second_link_on_the_same_journal_ends_with_one_line(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", free_port())
    async with running(load_site(site)):
        ended = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "minegate_agent.link", str(site)], capture_output=True, text=True
        )
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].endswith("another process writes this journal")
        assert (load_site(site).run_folder / "scans.sock").exists()


async def test_a_page_port_that_is_taken_is_one_line_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site = write_site(tmp_path / "site", free_port(), page_port=port)
        field = FieldSide(site)
        async with running(load_site(site)), handing_over(field):
            field.scan()
            await field.confirmed_all()
            await until(lambda: any(f"page.tcp_port = {port}" in line for line in caplog.messages), "said")


async def test_the_page_is_served(tmp_path: Path) -> None:
    port = free_port()
    site = write_site(tmp_path / "site", free_port(), page_port=port)
    async with running(load_site(site)):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
        writer.write(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        await reader.read()
        writer.close()


async def test_a_torn_tail_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "link")
    site = write_site(tmp_path / "site", free_port())
    field = FieldSide(site)
    async with running(load_site(site)), handing_over(field):
        field.scan()
        await field.confirmed_all()
    segment = max((site / "journal").glob("*.seg"))
    with segment.open("ab") as file:
        file.write(b"half a record")
    async with running(load_site(site)):
        await until(lambda: any("torn tail of 13 bytes" in line for line in caplog.messages), "said")


def test_a_birth_is_the_same_after_every_restart_and_another_after_every_change(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", 1883)
    first, again = birth_of(load_site(site)), birth_of(load_site(site))
    assert first == again
    toml = site / "gateway.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("掘进工作面", "回风"), encoding="utf-8")
    assert birth_of(load_site(site)).id != first.id


def test_births_explain_records_from_their_sequence_on() -> None:
    births = Births.open(Path("/births"), SimDisk())
    old, new, newest = (Birth(name, name, _payload(name)) for name in ("a", "b", "c"))
    births.enter(old, 5)
    births.enter(new, 10)
    births.enter(newest, 20)
    assert [births.at(sequence) for sequence in (1, 9, 10, 19, 20, 99)] == [
        (old, 10), (old, 10), (new, 20), (new, 20), (newest, None), (newest, None),
    ]  # fmt: skip
    births.forget_below(15)
    assert births.at(1) == (new, 20)
    assert births.of_config("a") is None
    assert births.newest == newest


def test_births_are_there_after_a_restart_and_strange_files_are_left_out(tmp_path: Path) -> None:
    births = Births.open(tmp_path, OS_DISK)
    births.enter(Birth("a", "ca", _payload("a")), 1)
    births.enter(Birth("b", "cb", _payload("b")), 7)
    (tmp_path / f"{9:020d}.birth").write_bytes(b"\xc1")
    (tmp_path / "note.txt").write_bytes(b"?")
    again = Births.open(tmp_path, OS_DISK)
    assert [again.at(sequence)[0].id for sequence in (1, 6, 7, 50)] == ["a", "a", "b", "b"]


def _payload(name: str) -> bytes:
    return bytes(msgpack.packb({"v": 1, "b": name, "config": f"c{name}"}))


class _Clock:
    def __init__(self, monotonic: int, utc: int) -> None:
        self._monotonic, self._utc = monotonic, utc

    def monotonic_ms(self) -> int:
        return self._monotonic

    def utc_ms(self) -> int:
        return self._utc

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN


@pytest.mark.parametrize(
    ("monotonic", "utc", "step"),
    [(1000, 51_000, 0), (1000, 51_499, 0), (1000, 51_500, 500), (1000, 50_500, -500), (1000, 0, -51_000)],
)
def test_a_jump_of_the_time_of_day_is_told_with_its_size(monotonic: int, utc: int, step: int) -> None:
    before = offset_of(_Clock(0, 50_000))
    assert step_ms(before, _Clock(monotonic, utc)) == step
