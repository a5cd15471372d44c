"""From above comes only what is signed, fresh and new, and nothing that permits power; every answer is a record."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import msgpack
import pytest

from field_side import FieldSide, handing_over
from link_work import GATEWAY, MINE, delivery, running, until, write_site
from minegate_agent.clock import ClockQuality, SystemClock
from minegate_agent.link.command import VALID_MS_MAX, Refused, command_message, taken
from minegate_agent.link.signing import Signer, signer
from minegate_agent.site import load_site
from minegate_interlock.lines import Answer, Verb, pack, unpack
from minegate_interlock.lines import Command as Order
from mosquitto import Mosquitto
from uplink_far_end import Subscriber

NOW_MS = 1_772_323_200_000
TOPIC = f"minegate/1/{MINE}/{GATEWAY}/command"


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "key").write_text("07" * 32, encoding="ascii")
    found = signer(tmp_path / "key")
    (tmp_path / "key.pub").write_text(found.public.hex(), encoding="ascii")
    return found


def message(key: Signer, *, now_ms: int = NOW_MS, **change: object) -> bytes:
    told: dict[str, object] = {
        "mine": MINE, "gateway": GATEWAY, "number": 1, "not_after": now_ms + 60_000, "by": "dispatch", "do": "status",
        **change,
    }  # fmt: skip
    return command_message(key, **{name: each for name, each in told.items() if each is not ...})


def take(payload: bytes, key: Signer, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> Any:
    return taken(payload, (key.public,), MINE, GATEWAY, NOW_MS, quality)


@pytest.mark.parametrize(
    "arguments",
    [
        {"do": "status"},
        {"do": "history", "first": 1, "last": 2},
        {"do": "cut", "area": "heading-1201", "reason": "smell of burning"},
        {"do": "stage", "content": b"x"},
    ],
)
def test_the_four_commands_are_taken(key: Signer, arguments: dict[str, object]) -> None:
    command = take(message(key, **arguments), key)
    assert (command.do, {"do": command.do, **command.arguments}) == (arguments["do"], arguments)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"do": "reset"}, "not among"),
        ({"do": "release", "area": "heading-1201"}, "not among"),
        ({"do": "set_limit", "limit": 2.0}, "not among"),
        ({"mine": "another"}, "for gateway"),
        ({"gateway": "another"}, "for gateway"),
        ({"not_after": NOW_MS - 1}, "not within a day"),
        ({"not_after": NOW_MS + VALID_MS_MAX + 1}, "not within a day"),
        ({"number": 0}, "number 0"),
        ({"number": 1.5}, "int expected"),
        ({"number": True}, "int expected"),
        ({"by": ...}, "by is"),
        ({"do": "cut", "area": "a"}, "reason is"),
        ({"do": "cut", "area": "a", "reason": "", "for_ms": 5}, "cut takes"),
        ({"do": "history", "first": "1", "last": 2}, "int expected"),
        ({"do": "status", "more": 1}, "takes nothing"),
    ],
)
def test_anything_else_is_refused_with_a_reason(key: Signer, change: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        take(message(key, **change), key)


def test_a_stranger_a_forgery_and_noise_are_refused(tmp_path: Path, key: Signer) -> None:
    (tmp_path / "other").write_text("08" * 32, encoding="ascii")
    with pytest.raises(Refused, match="may not command here"):
        take(message(signer(tmp_path / "other")), key)
    forged = msgpack.unpackb(message(key))
    forged["body"] = msgpack.unpackb(message(key, do="history", first=1, last=2))["body"]
    with pytest.raises(Refused, match="signature"):
        take(msgpack.packb(forged), key)
    for noise in (b"", b"\xc1", b"\x01", msgpack.packb({"v": 1}), msgpack.packb({**forged, "v": 2}), bytes(300_001)):
        with pytest.raises(Refused):
            take(noise, key)


def test_without_a_true_clock_only_a_cut_is_taken(key: Signer) -> None:
    unsure = ClockQuality.UNSYNCHRONISED
    with pytest.raises(Refused, match="not synchronised"):
        take(message(key), key, unsure)
    assert take(message(key, do="cut", area="a", reason="r", not_after=1), key, unsure).do == "cut"


@asynccontextmanager
async def an_interlock(run: Path) -> AsyncIterator[list[Order]]:
    """Something that answers on control.sock as the interlock does."""
    heard: list[Order] = []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    server.bind(str(run / "control.sock"))
    server.listen()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        while True:
            line, _ = await loop.sock_accept(server)
            order = unpack(await loop.sock_recv(line, 4096))
            assert isinstance(order, Order)
            heard.append(order)
            await loop.sock_sendall(line, pack(Answer(True, "cut")))
            line.close()

    task = asyncio.create_task(serve())
    try:
        yield heard
    finally:
        task.cancel()
        server.close()


def a_site(folder: Path, port: int, more: str) -> Path:
    site = write_site(folder / "site", port, "commands = true\n\n[commands]\nkeys = ['../key.pub']\n" + more)
    (site / "run").mkdir()
    return site


async def test_commands_are_carried_out_once_and_answered(tmp_path: Path, mosquitto: Mosquitto, key: Signer) -> None:
    site = a_site(tmp_path, mosquitto.port, "remote_cut = true")
    field, subscriber, now = FieldSide(site), Subscriber(mosquitto.port), SystemClock().utc_ms()
    valid = (site / "gateway.toml").read_bytes()

    def answers() -> list[dict[str, Any]]:
        events = [told.event for _, told in sorted(subscriber.events.items())]
        return [event for event in events if event["kind"] == "command_result"]

    async with (
        subscriber.listening(),
        an_interlock(site / "run") as orders,
        running(load_site(site)) as link,
        handing_over(field),
        aiomqtt.Client("127.0.0.1", mosquitto.port) as above,
    ):
        for _ in range(5):
            field.scan()
        await until(lambda: len(subscriber.scans) == 5 and delivery(link)["waiting"] == 0, "delivered")

        async def order(number: int, **told: object) -> dict[str, Any]:
            before = len(answers())
            await above.publish(TOPIC, message(key, now_ms=now, number=number, **told), qos=1)
            await until(lambda: len(answers()) > before, f"an answer to {told}")
            return answers()[-1]

        told = await order(1)
        assert told["done"] is True
        assert told["status"]["delivery"]["connected"] is True
        assert (await order(1))["reason"] == "number 1 was used: 1 is the last one"
        assert subscriber.again == 0
        assert (await order(2, do="history", first=1, last=4))["done"] is True
        await until(lambda: subscriber.again > 0, "it comes again")
        assert (await order(3, do="history", first=1, last=10**6))["done"] is False
        cut = await order(4, do="cut", area="heading-1201", reason="smoke")
        assert (cut["done"], cut["answer"]) == (True, "cut")
        assert orders == [Order(Verb.CUT, "heading-1201", "uplink: dispatch", "smoke")]
        staged = await order(5, do="stage", content=valid)
        assert staged["config"] == load_site(site).hash
        assert (site / "staged/gateway.toml").read_bytes() == valid
        assert "unknown" in (await order(6, do="stage", content=valid + b"\n[nonsense]\n"))["reason"]
        assert not (site / "staged/gateway.toml").exists()
        assert "not among" in (await order(7, do="reset", area="heading-1201"))["reason"]
        assert len(orders) == 1


async def test_remote_cut_is_off_unless_the_site_says_so(tmp_path: Path, mosquitto: Mosquitto, key: Signer) -> None:
    site = a_site(tmp_path, mosquitto.port, "")
    subscriber, now = Subscriber(mosquitto.port), SystemClock().utc_ms()
    async with subscriber.listening(), an_interlock(site / "run") as orders, running(load_site(site)) as link:
        await until(lambda: delivery(link)["connected"] is True, "up")
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as above:
            told = message(key, now_ms=now, do="cut", area="heading-1201", reason="smoke")
            await above.publish(TOPIC, told, qos=1)
            await until(lambda: "command_result" in subscriber.kinds(), "an answer")
    (event,) = [told.event for told in subscriber.events.values() if told.event["kind"] == "command_result"]
    assert (event["done"], event["reason"], orders) == (False, "commands.remote_cut is false here", [])
