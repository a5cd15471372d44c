"""Code that is not trusted: what it does to itself stays its own, and its neighbours' readings do not wait for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest

from link_work import until
from minegate_agent.clock import SystemClock
from minegate_agent.config import Port
from minegate_agent.field import isolation
from minegate_agent.field.hearing import DriverError, believed
from minegate_agent.field.spin_guard import Spins, guard
from minegate_agent.link.hand_over import frame, receive
from minegate_agent.site import SiteDevice
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.sdk import Field, Heard, Layout, LineDriver

STRANGE = """
import sys
from typing import ClassVar
from minegate_drivers.gas_head import GasHead
from minegate_drivers.sdk import Option

class Strange(GasHead):
    name: ClassVar[str] = "strange"
    options: ClassVar[dict] = {**GasHead.options, "way": Option(str, "well", help="how it misbehaves after a while")}

    def __init__(self, *, way, **rest):
        super().__init__(**rest)
        self._way, self._heard = way, 0

    def hear(self, frame):
        self._heard += 1
        if self._heard > 10:
            if self._way == "spin":
                while True: pass
            if self._way == "eat":
                self._food = [bytes(1_000_000) for _ in range(10_000)]
            if self._way == "exit":
                sys.exit(3)
            if self._way == "print":
                print("a driver that talks")
        return super().hear(frame)
"""
GATEWAY = """
[gateway]
mine = "1"
id = "test"
[page]
enabled = false
"""


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution with a driver that can misbehave, as a third party would ship it; the folder of a site."""
    packages = tmp_path / "packages"
    facts = packages / "strange-1.0.dist-info"
    facts.mkdir(parents=True)
    (packages / "strange_driver.py").write_text(STRANGE, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[minegate.drivers]\nstrange = strange_driver:Strange\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    (tmp_path / "site" / "run").mkdir(parents=True)
    return tmp_path / "site"


def site(folder: Path, way: str) -> None:
    """Two lines with one device each; the second has a process of its own and a driver that goes its `way`."""
    text = GATEWAY
    for number, (name, driver, more) in enumerate((("good", "gas_head", ""), ("odd", "strange", "isolate = true")), 1):
        text += (
            f'[[port]]\nname = "{name}"\nkind = "serial"\ndevice = "{name}"\nbaud = 115200\n{more}\n'
            f'[[device]]\nnumber = {number}\nname = "{name}-head"\nport = "{name}"\ndriver = "{driver}"\n'
            f"period_ms = 20\ntimeout_ms = 10\n[device.options]\nstation = {number}\n"
            + (f'way = "{way}"\n' if driver == "strange" else "")
            + f'[[point]]\nnumber = {number}\nname = "{name}-ch4"\ndevice = "{name}-head"\nfield = "ch4"\n'
        )
    (folder / "gateway.toml").write_text(text, encoding="utf-8")


@contextmanager
def slave(folder: Path, name: str, station: int) -> Iterator[None]:
    """A head on a pty that answers at once, in the loop of the test."""
    master, near = os.openpty()
    tty.setraw(near)
    os.set_blocking(master, False)
    (folder / name).symlink_to(os.ttyname(near))
    answer = framed(bytes((station, 4, 4, 0, 50, 0, 1)))

    def asked() -> None:
        if len(os.read(master, 4096)) == 8:
            os.write(master, answer)

    loop = asyncio.get_running_loop()
    loop.add_reader(master, asked)
    try:
        yield
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(near)


class Taken:
    """Plays link: takes what field hands over, and remembers when each device was heard and what was told."""

    def __init__(self) -> None:
        self.mono_ms: dict[int, list[int]] = {1: [], 2: []}
        self.events: list[str] = []
        self.health: dict[str, object] = {}
        self.gone = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            boot = (await receive(reader))["boot"]
            writer.write(frame({"k": "have", "boot": boot, "number": 0}))
            while True:
                message = await receive(reader)
                if message["k"] == "health":
                    self.health = message
                    continue
                for item in message["items"]:
                    if item[1] == "s":
                        self.mono_ms[item[2]].append(item[5])
                    else:
                        self.events.append(f"{item[3]['kind']} {item[3].get('detail', '')}")
                writer.write(frame({"k": "have", "boot": boot, "number": message["items"][-1][0]}))
        except (EOFError, OSError):
            writer.close()
            self.gone = True


@contextmanager
def field_process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "minegate_agent.field", str(folder)], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("spin", "port odd: its process shows no sign of life"),
        pytest.param("eat", "MemoryError", marks=pytest.mark.long),
        pytest.param("exit", "port odd: its process has ended", marks=pytest.mark.long),
        pytest.param("print", "", marks=pytest.mark.long),
    ],
)
async def test_a_driver_in_a_process_of_its_own_is_ended_or_named_and_its_neighbour_is_read_on(
    strange: Path, way: str, said: str
) -> None:
    site(strange, way)
    taken = Taken()
    server = await asyncio.start_unix_server(taken.talk, str(strange / "run" / "scans.sock"))
    with slave(strange, "good", 1), slave(strange, "odd", 2), field_process(strange):
        await until(lambda: len(taken.mono_ms[2]) >= 10, "the odd device was heard", 30)
        if said:
            await until(lambda: any(said in event for event in taken.events), said, 30)
            before = len(taken.mono_ms[2])
            if way != "eat":  # started again, it is heard again
                await until(lambda: len(taken.mono_ms[2]) >= before + 5, "the odd device is heard again", 30)
        else:
            await until(lambda: len(taken.mono_ms[2]) >= 50, "a driver that prints is heard on", 30)
        good = len(taken.mono_ms[1])
        await until(lambda: len(taken.mono_ms[1]) >= good + 20, "the neighbour is heard", 10)
    await until(lambda: taken.gone, "field has ended", 10)
    server.close()


class Hanging(LineDriver):
    """Does not return."""

    layouts = (Layout(Field("value", "<u1")),)

    def ask(self, now_ms: int) -> bytes | None:
        return b"?"

    def missing(self, heard: bytes) -> int:
        return 1 - len(heard)

    def hear(self, frame: bytes) -> Heard:
        while True:
            pass


async def test_a_driver_that_spins_in_the_field_process_is_interrupted_and_named() -> None:
    guarding = asyncio.create_task(guard(0.2))
    await asyncio.sleep(0)
    driver = Hanging()
    with pytest.raises(DriverError, match=r"no return for 0\.2 s") as caught:
        believed(driver, driver.hear, b"!")
    assert isinstance(caught.value.mistake, Spins)
    guarding.cancel()
    await asyncio.gather(guarding, return_exceptions=True)
    await asyncio.sleep(0.3)  # and when the guard is gone, so is its alarm
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


@pytest.mark.parametrize(
    "words",
    [
        ("s", 1, 0, 0, 5, b"three"),  # a record of another length
        ("s", 1, 7, 0, 5, b"x"),
        ("s", 1, 0, 1 << 30, 5, b"x"),
        ("s", 9, 0, 0, 5, b"x"),
        ("n", 1, "no such kind", ""),
        ("x",),
        (),
        "not a list",
        {"k": 1},
    ],
)
async def test_what_the_other_process_says_is_believed_only_if_it_makes_sense(
    words: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body = msgpack.packb(words)
    speaks = f"import sys; sys.stdout.buffer.write({len(body).to_bytes(4, 'little') + body!r})"
    monkeypatch.setattr(isolation.bound, "command", lambda *arguments: (sys.executable, "-c", speaks))
    device = SiteDevice(1, "d1", "odd", Hanging(), None)  # type: ignore[arg-type]  # its configuration is not looked at
    alone = isolation.Isolated(
        tmp_path, Port(name="odd", kind="serial", device="x"), [device], Nobody(), SystemClock().monotonic_ms
    )
    with pytest.raises(isolation.PortLost, match="port odd: its process talks nonsense"):
        await alone.read(lambda: None)


class Nobody:
    """A sink that must hear nothing."""

    def heard(self, device: SiteDevice, heard: Heard, at_ms: int | None = None) -> None:
        pytest.fail(json.dumps(heard.record.hex()))

    def edge(self, device: SiteDevice, up: bool) -> None:
        pytest.fail("an edge")

    def nonsense(self, device: SiteDevice, error: object) -> None:
        pytest.fail("nonsense")

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        pytest.fail("a mistake")
