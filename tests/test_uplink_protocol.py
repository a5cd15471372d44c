"""The uplink finds the MQTT that a broker speaks, trusts nobody it should not, and says why it is not connected."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from link_work import delivery, running, shown_kinds, until, write_site
from minegate_agent.link.mqtt_version import AUTO, V5, V311, Version
from minegate_agent.site import load_site
from mosquitto import Mosquitto, free_port
from uplink_far_end import Subscriber


def test_auto_tries_the_other_version_after_a_refusal_and_keeps_what_works() -> None:
    version = Version(AUTO)
    assert version.now == V5
    assert version.was_refused()
    assert version.now == V311
    assert version.was_refused()
    assert version.now == V5


@pytest.mark.parametrize("setting", [V5, V311])
def test_a_configured_version_is_not_left(setting: str) -> None:
    version = Version(setting)
    assert not version.was_refused()
    assert version.now == setting


@asynccontextmanager
async def embedded(port: int) -> AsyncIterator[None]:
    """The broker inside Python, which speaks 3.1.1 only, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "minegate_tools.demo.embedded", str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                break
        yield
    finally:
        process.kill()
        await process.wait()


async def test_a_broker_of_3_1_1_is_delivered_to_after_one_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "link")
    port = free_port()
    site = write_site(tmp_path / "site", port)
    field = FieldSide(site)
    subscriber = Subscriber(port)
    async with embedded(port), subscriber.listening(), running(load_site(site)), handing_over(field):
        field.scan()
        await until(lambda: len(subscriber.scans) == 1, "it arrives")
        refused = [line for line in caplog.messages if "next with 3.1.1" in line]
        assert len(refused) == 1, caplog.messages
        assert any("speaks MQTT 3.1.1" in line for line in caplog.messages)


async def test_mqtt_5_says_what_the_payload_is(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port)
    async with running(load_site(site)) as link:
        await until(lambda: delivery(link)["connected"] is True, "up")
        told = await asyncio.to_thread(
            subprocess.run,
            ["mosquitto_sub", "-p", str(mosquitto.port), "-V", "5", "-t", "minegate/1/+/+/birth", "-C", "1", "-W", "20",
             "-F", "%C"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert told.stdout.strip() == "application/msgpack"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """A certificate authority, and a certificate of it for 127.0.0.1, a second one for a client."""
    folder.mkdir()
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
    for who in ("server", "client"):
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={who}",
                "-keyout", f"{who}.key", "-out", f"{who}.csr")  # fmt: skip
        openssl(folder, "x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{who}.pem")  # fmt: skip


def tls_broker(folder: Path, files: Path) -> Mosquitto:
    """It asks its clients for a certificate, too."""
    return Mosquitto(
        folder,
        settings=f"cafile {files}/ca.pem\ncertfile {files}/server.pem\nkeyfile {files}/server.key\n"
        "require_certificate true",
    )


def tls_site(folder: Path, port: int, ca: Path, own: Path) -> Path:
    return write_site(
        folder, port, f'tls = {{ ca = "{ca}/ca.pem", cert = "{own}/client.pem", key = "{own}/client.key" }}'
    )


async def test_tls_with_certificates_on_both_sides_delivers(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    authority(ours, "ours")
    broker = tls_broker(tmp_path / "broker", ours)
    broker.start()
    try:
        site = tls_site(tmp_path / "site", broker.port, ours, ours)
        async with running(load_site(site)) as link:
            await until(lambda: delivery(link)["connected"] is True, "up")
    finally:
        broker.kill()


async def test_renewed_certificates_cost_no_session_and_hold_from_the_next_one_on(tmp_path: Path) -> None:
    files, renewed = tmp_path / "files", tmp_path / "renewed"
    authority(files, "before")
    authority(renewed, "renewed")
    broker = tls_broker(tmp_path / "broker", files)
    broker.start()
    try:
        site = tls_site(tmp_path / "site", broker.port, files, files)
        field = FieldSide(site)
        async with running(load_site(site)) as link, handing_over(field):
            await until(lambda: delivery(link)["connected"] is True, "up")
            for file in renewed.iterdir():
                shutil.copy(file, files)
            field.scan()
            await field.confirmed_all()
            await until(lambda: delivery(link)["waiting"] == 0, "the session goes on under the old ones")
            assert shown_kinds(link).count("uplink_up") == 1
            await asyncio.to_thread(broker.kill)
            await until(lambda: delivery(link)["connected"] is False, "down")
            await asyncio.to_thread(broker.start)  # it trusts the renewed authority only, and is of it
            await until(lambda: delivery(link)["connected"] is True, "up again with the new ones")
    finally:
        broker.kill()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("other ca", "certificate verify failed"),
        ("other host", "IP address mismatch"),
        ("no file", "nowhere/ca.pem: No such file or directory"),
    ],
)
async def test_a_broker_that_cannot_be_trusted_gets_nothing_and_one_line_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str, said: str
) -> None:
    caplog.set_level(logging.INFO, "link")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    authority(ours, "ours")
    authority(theirs, "theirs")
    broker = tls_broker(tmp_path / "broker", ours)
    broker.start()
    ca = {"other ca": theirs, "other host": ours, "no file": tmp_path / "nowhere"}[change]
    try:
        site = tls_site(tmp_path / "site", broker.port, ca, ours)
        if change == "other host":
            toml = (site / "gateway.toml").read_text(encoding="utf-8")
            (site / "gateway.toml").write_text(toml.replace('host = "127.0.0.1"', 'host = "127.0.0.2"'), "utf-8")
            async with running_relay(broker.port, "127.0.0.2") as port:
                text = (site / "gateway.toml").read_text(encoding="utf-8")
                (site / "gateway.toml").write_text(text.replace(str(broker.port), str(port)), "utf-8")
                await refused(site, caplog, said)
        else:
            await refused(site, caplog, said)
    finally:
        broker.kill()
    assert "PUBLISH" not in broker.log.read_text(errors="replace")


async def refused(site: Path, caplog: pytest.LogCaptureFixture, said: str) -> None:
    async with running(load_site(site)) as link:
        await until(lambda: any(said in line for line in caplog.messages), said)
        await asyncio.sleep(0.5)  # some more attempts
        assert delivery(link)["connected"] is False
    assert len([line for line in caplog.messages if "uplink mine down" in line]) == 1, caplog.messages


@asynccontextmanager
async def running_relay(target: int, host: str) -> AsyncIterator[int]:
    """The broker under another address."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(65_536):
                writer.write(some)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    server = await asyncio.start_server(connection, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_an_unreachable_broker_is_one_line_per_edge(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "link")
    site = write_site(tmp_path / "site", free_port())
    async with running(load_site(site)):
        await until(lambda: any("Connection refused" in line for line in caplog.messages), "said")
        await asyncio.sleep(1)
    assert len([line for line in caplog.messages if "uplink" in line and "down" in line]) == 1


async def test_user_and_password_are_taken_from_the_file(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    await asyncio.to_thread(
        subprocess.run, ["mosquitto_passwd", "-b", str(passwords), "gw", "secret"], check=True, capture_output=True
    )
    broker = Mosquitto(tmp_path / "broker", settings=f"password_file {passwords}")
    conf = tmp_path / "broker/mosquitto.conf"
    conf.write_text(conf.read_text(encoding="utf-8").replace("allow_anonymous true", "allow_anonymous false"), "utf-8")
    (tmp_path / "pw").write_text("secret\n", encoding="ascii")
    broker.start()
    try:
        site = write_site(tmp_path / "site", broker.port, f'username = "gw"\npassword_file = "{tmp_path}/pw"')
        async with running(load_site(site)) as link:
            await until(lambda: delivery(link)["connected"] is True, "up")
    finally:
        broker.kill()
