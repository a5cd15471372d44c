"""`python -m minegate_sim heading` is a heading: its lines answer, its truth is written, its commands are obeyed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import serial

from minegate_drivers.modbus_rtu import payload, read_input_registers
from minegate_sim.control import obey
from minegate_sim.heading import Heading
from minegate_sim.watch import Watch, parse
from minegate_wire.frame import HEAD, Receiver, encode
from minegate_wire.messages import ASK, HELLO, OPEN, PERMIT, TRIP_COMMAND, dec
from mosquitto import Mosquitto
from sim_vda5050 import STATE_KEYS

DEADLINE_S = 20.0
LINES = {"rs485-1", "rs485-2", "relay-1", "can-1"}


class Running:
    """A simulator process and a connection to its control socket."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.process = process

    async def ask(self, **wish: object) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "control.sock"))
        try:
            writer.write(json.dumps(wish).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
        return answer

    def truths(self, what: str) -> list[dict[str, Any]]:
        lines = (self.folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
        return [line for line in map(json.loads, lines) if line["what"] == what]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                assert self.process.returncode is None
                await asyncio.sleep(0.02)

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "minegate_sim", "heading", "--dir", str(folder), *arguments
    )
    simulator = Running(folder, process)
    try:
        await simulator.until((folder / "control.sock").exists)
        yield simulator
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_from_the_fan_to_the_contact_everything_real_is_told_as_truth(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    async with running(folder, "--speed", "20", "--watch", "1201-fan-run:0.5:falling") as simulator:
        assert {path.name for path in folder.iterdir() if path.is_symlink()} == LINES
        assert stat.S_IMODE((folder / "control.sock").stat().st_mode) == 0o660
        await asyncio.to_thread(close_the_contact, folder)
        await simulator.until(lambda: len(simulator.truths("contact_closed")) == 1)
        await simulator.until(lambda: len(simulator.truths("contact_open")) == 2)  # nobody permits any more
        assert [line["what"] for line in simulator.truths("power_on")] == ["power_on"]
        assert (await simulator.ask(do="watch", point="1201-T1-ch4", limit=1.5))["ok"]
        assert (await simulator.ask(do="fan", run=False))["ok"]
        await simulator.until(lambda: len(simulator.truths("over_limit")) == 2)
        fan, gas = simulator.truths("over_limit")
        assert (fan["point"], fan["value"]) == ("1201-fan-run", 0.0)
        assert gas["point"] == "1201-T1-ch4"
        assert 1.5 <= gas["value"] < 2.2  # at this speed a sample is 10 s of the heading
        shown = await asyncio.to_thread(read_face, folder)
        truth = await simulator.ask(do="truth")
        assert shown == pytest.approx(truth["values"]["1201-T1-ch4"], abs=0.2)
        assert truth["answers"]["T1-head"] == 1
        assert truth["answers"]["T2-head"] == 0
        assert truth["answers"]["roadheader"] > 0
        assert truth["balance_m3"] == pytest.approx(0.0, abs=1e-6)
        assert await simulator.stop() == 0
        assert simulator.truths("end")[0]["answers"]["T1-head"] == 1
    assert {path.name for path in folder.iterdir()} == {"truth.jsonl"}


def close_the_contact(folder: Path) -> None:
    """As the gateway does it: ask for the nonce of this boot, arm what the boot has latched, then permit."""
    with serial.Serial(str(folder / "relay-1"), 9600, timeout=5.0) as port:
        port.write(encode(9, ASK, ((HELLO,),)))
        hello = whole_frame(port)
        port.write(encode(9, OPEN, ((0, TRIP_COMMAND, 1),)))
        assert whole_frame(port)[0] == 0
        port.write(encode(9, PERMIT, ((0, 600, hello[3], 2, 0, 0),)))
        assert whole_frame(port)[0] == 0


def whole_frame(port: serial.Serial) -> list[int]:
    receiver = Receiver()
    while not receiver.feed(port.read(1)[0]):
        pass
    fields = [0] * 8
    dec(receiver.kind(), receiver.buf, HEAD, fields)
    return fields


def read_face(folder: Path) -> float:
    request = read_input_registers(1, 0, 2)
    with serial.Serial(str(folder / "rs485-1"), 9600, timeout=5.0) as port:
        port.write(request)
        return int.from_bytes(payload(port.read(9), request)[:2], "big") / 100


async def test_a_simulator_that_was_killed_is_started_again_in_the_same_folder(tmp_path: Path) -> None:
    async with running(tmp_path) as simulator:
        simulator.process.kill()
        await simulator.process.wait()
    assert set(os.listdir(tmp_path)) == LINES | {"control.sock", "truth.jsonl"}
    (tmp_path / "control.sock").unlink()  # so that `running` waits for the new one
    async with running(tmp_path) as simulator:
        assert await asyncio.to_thread(read_face, tmp_path) > 0.2
        assert (await simulator.ask(do="truth"))["contact_closed"] is False
        assert await simulator.stop() == 0


async def test_the_robot_reports_to_the_underground_broker_and_comes_back_after_it(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async with running(tmp_path / "sim", "--mqtt-port", str(mosquitto.port)) as simulator:
        before = await heard(mosquitto)
        assert set(before["state"]) >= STATE_KEYS
        assert before["state"]["serialNumber"] == "rail-1"
        assert before["connection"]["connectionState"] == "ONLINE"
        mosquitto.kill()
        mosquitto.start()
        after = await heard(mosquitto)
        assert after["state"]["headerId"] > before["state"]["headerId"]
        assert await simulator.stop() == 0
    assert (await heard(mosquitto, "connection"))["connection"]["connectionState"] == "OFFLINE"


async def heard(broker: Mosquitto, *wanted: str) -> dict[str, Any]:
    """The first message of each topic that is wanted, by the topic's last word."""
    found: dict[str, Any] = {}
    missing = set(wanted or ("state", "connection"))
    async with asyncio.timeout(DEADLINE_S), aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe("vda5050/v3/minegate/rail-1/#", qos=1)
        async for message in client.messages:
            word = str(message.topic).rpartition("/")[2]
            assert isinstance(message.payload, bytes)
            found.setdefault(word, json.loads(message.payload))
            missing.discard(word)
            if not missing:
                break
    return found


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--watch", "1201-T9-ch4:1.5:rising"), "1201-T9-ch4"),
        (("--watch", "1201-T1-ch4:high"), "1201-T1-ch4:high"),
        (("--speed", "0"), "--speed"),
        (("--mqtt-port", "70000"), "--mqtt-port"),
    ],
)
def test_what_cannot_be_started_says_so_in_one_line(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "minegate_sim", "heading", "--dir", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ended.returncode == 2
    assert named in ended.stderr.splitlines()[-1]


def heading() -> Heading:
    return Heading(1, 0.0)


def obeyed(place: Heading, **wish: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(obey(place, json.dumps(wish).encode(), 0.0))
    return answer


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"", "Expecting value"),
        (b"[]", "JSON object"),
        (b'{"do":"explode"}', "explode"),
        (b'{"do":"fan"}', "run"),
        (b'{"do":"fan","run":1}', "run"),
        (b'{"do":"emission","m3_min":-1}', "m3_min"),
        (b'{"do":"emission","m3_min":NaN}', "m3_min"),
        (b'{"do":"burst","m3":1e9}', "m3"),
        (b'{"do":"burst","s":0}', "s: 0"),
        (b'{"do":"duct","intact":1.1}', "intact"),
        (b'{"do":"fault","device":"T9","fault":"dead","value":true}', "T9"),
        (b'{"do":"fault","device":"relay","fault":"tired","value":true}', "tired"),
        (b'{"do":"cable","port":"rs485-9","cut":true}', "rs485-9"),
        (b'{"do":"watch","point":"x","limit":1}', "x"),
        (b'{"do":"watch","point":"1201-T1-ch4","limit":1,"direction":"up"}', "up"),
        (b"[" * 100_000, ""),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing_and_is_told_why(line: bytes, named: str) -> None:
    place = heading()
    before = place.controls
    answer = json.loads(obey(place, line, 0.0))
    assert answer["ok"] is False
    assert named in answer["error"]
    assert place.controls == before


def test_every_command_does_what_it_says() -> None:
    place = heading()
    assert obeyed(place, do="emission", m3_min=7)["ok"]
    assert obeyed(place, do="duct", intact=0.5)["ok"]
    assert obeyed(place, do="mains", on=False)["ok"]
    assert obeyed(place, do="bypass", on=True)["ok"]
    assert (place.controls.emission_m3_min, place.controls.duct_intact) == (7.0, 0.5)
    assert place.controls.powered is False
    assert obeyed(place, do="mains", on=True)["ok"]
    assert place.controls.powered is True
    assert [truth.what for truth in place.take_truths()][-1] == "power_on"
    assert obeyed(place, do="burst")["ok"]
    assert place.state.air.burst_m3 > 0
    assert obeyed(place, do="fault", device="T1-head", fault="frozen", value=True)["ok"]
    assert place.heads[0].faults.frozen
    assert obeyed(place, do="cable", port="can-1", cut=True)["ok"]
    assert place.can.is_cut


@pytest.mark.parametrize(
    ("text", "watch"),
    [
        ("a:1.5:rising", Watch("a", 1.5, "rising")),
        ("a:1.5", Watch("a", 1.5, "rising")),
        ("a:-2:falling", Watch("a", -2.0, "falling")),
    ],
)
def test_a_watch_is_written_point_limit_direction(text: str, watch: Watch) -> None:
    assert parse(text) == watch


@pytest.mark.parametrize(
    ("direction", "value", "reached"),
    [("rising", 1.5, True), ("rising", 1.49, False), ("falling", 1.5, True), ("falling", 1.51, False)],
)
def test_a_limit_is_reached_at_the_limit(direction: str, value: float, reached: bool) -> None:
    assert parse(f"a:1.5:{direction}").reached(value) is reached


def test_the_same_seed_and_the_same_commands_give_the_same_heading() -> None:
    def shift(seed: int) -> list[object]:
        place = Heading(seed, 0.0, speed=5.0)
        place.watch(parse("1201-T1-ch4:1.0:rising"))
        told: list[object] = []
        for now_ms in range(0, 20_000, 130):
            if now_ms == 5200:
                obeyed(place, do="fan", run=False)
            place.step(now_ms)
            told += [place.values(), *place.take_truths()]
            told += [end.run(now_ms) for end in place.ends.values()]
        return told

    assert shift(1) == shift(1)
    assert shift(1) != shift(2)


def test_a_heading_that_was_stopped_for_long_says_so_and_goes_on() -> None:
    place = heading()
    place.step(100.0)
    place.take_truths()
    place.step(1_000_000.0)
    assert [truth.what for truth in place.take_truths()] == ["stood_still"]
    assert place.due_ms() == 1_000_050.0
