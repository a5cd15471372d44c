"""A relay board of firmware/boards with its real main on a real MicroPython VM: power, contactor, head and lines."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver
from vm_bench import DEADLINE_S, FIRMWARE, Bench, Message, Told, booting
from vm_unix import UnixBench

BOARDS = FIRMWARE / "boards"
SPAN_PPM = 40_000
CONTACTOR_MS = 20
PROGRAM = "import boot\nimport main"
WATCHDOG_MS = 500


class Pins:
    """What a board file calls its pins, the UART it uses, and the current at the end of its converter."""

    def __init__(self, coil: str, contact: str, head: str, uart: int, full_scale_ua: int = 22_000) -> None:
        self.coil, self.contact, self.head, self.uart = coil, contact, head, uart
        self.full_scale_ua = full_scale_ua

    def code(self, ppm: int) -> int:
        """What the converter reads of a 4-20 mA head at `ppm`."""
        return (4000 + ppm * 16_000 // SPAN_PPM) * 65_535 // self.full_scale_ua


PINS = {
    "nucleo_g474re": Pins("C8", "C9", "A0", 1),
    "rpi_pico": Pins("10", "11", "26", 1),
    "esp32_devkit": Pins("25", "26", "34", 2, 31_000),
    "pybv11": Pins("Y1", "Y2", "X19", 1),
}


class Board:
    """One relay board. Virtual time moves by `run`; real time by itself."""

    def __init__(
        self,
        bench: Bench | UnixBench,
        name: str = "nucleo_g474re",
        identity: Path | None = None,
        ppm: int = 5000,
        program: str = PROGRAM,
        more: tuple[Path, ...] = (),
        **options: object,
    ) -> None:
        self.pins = PINS[name]
        self._bench = bench
        self.told = Told()
        folders = [BOARDS / "relay", BOARDS / name, identity or BOARDS, *more]
        world = {
            "analog": {self.pins.head: self.pins.code(ppm)},
            "follows": {self.pins.contact: {"pin": self.pins.coil, "ms": CONTACTOR_MS, "inverted": 1}},
        }
        self._name = bench.board(self.told.hear, booting(program, folders, world=world, **options))
        self._seen = 0

    def say(self, **message: object) -> None:
        """See firmware/vm/README.md."""
        self._bench.send({"board": self._name, **message})

    def methane(self, ppm: int) -> None:
        """What its own head measures from now on."""
        self.say(analog={self.pins.head: self.pins.code(ppm)})

    def hang(self) -> None:
        """Its program stops inside the next conversion."""
        self.say(hang=True)

    def send(self, data: bytes) -> None:
        """Bytes of the serial line."""
        self.say(uart=self.pins.uart, hex=data.hex())

    def off(self) -> None:
        """Power off."""
        self.say(off=True)
        self.told.await_(lambda message: "off" in message)

    def line(self, at_ms: int, data: bytes) -> Message:
        """Bytes of the serial line at a time to come, for `run`."""
        return {"at": at_ms, "uart": self.pins.uart, "hex": data.hex()}

    def run(self, ms: int, later: Iterable[Message] = ()) -> list[Message]:
        """Virtual time: let `ms` go by, with what comes `later`, each at its time; what was told meanwhile."""
        first = self._seen
        self.say(run_ms=ms, later=list(later))
        self._seen = self.told.await_(
            lambda message: "ran" in message or "died" in message or "ended" in message, first, 120.0
        )
        return self.told.messages[first : self._seen]

    def energised(self) -> bool:
        """Whether the coil's pin is high, as last told."""
        levels = [message["value"] for message in self.told.messages if message.get("pin") == self.pins.coil]
        return bool(levels and levels[-1])

    def edges(self, told: Iterable[Message] | None = None) -> list[tuple[int, float]]:
        """(level, at ms) of the coil, in order, without the repeated."""
        asked = None if told is None else {id(message) for message in told}
        found = []
        level = 0
        for message in self.told.messages:
            if message.get("pin") == self.pins.coil and message["value"] != level:
                level = message["value"]
                if asked is None or id(message) in asked:
                    found.append((level, message.get("at", -1)))
        return found

    def await_coil(self, level: int, deadline_s: float = DEADLINE_S) -> bool:
        """Whether the coil is at `level` before the deadline."""
        with self.told.changed:
            return self.told.changed.wait_for(lambda: self.energised() is bool(level), deadline_s)

    def replies(self, kind: int, told: Iterable[Message]) -> list[dict[str, int]]:
        """The frames of this kind that the board sent."""
        found = []
        receiver = Receiver()
        for byte in b"".join(bytes.fromhex(message["hex"]) for message in told if "uart" in message):
            if receiver.feed(byte) and receiver.kind() == kind:
                row = messages.row(kind)
                into = [0] * len(row[3])
                messages.dec(kind, receiver.buf, HEAD, into)
                found.append(dict(zip(row[3], into, strict=True)))
        return found


class OnPty:
    """The board's serial line behind the symbolic link `path`: a pseudo-terminal. What nobody reads is lost."""

    def __init__(self, board: Board, path: Path) -> None:
        self._board = board
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        path.symlink_to(os.ttyname(self._slave))
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="pty")

    def __enter__(self) -> OnPty:
        self._board.told.listeners.append(self._tell)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._board.told.listeners.remove(self._tell)
        os.write(self._end, b"x")
        self._thread.join()
        for end in (self._master, self._slave, self._ending, self._end):
            os.close(end)

    def _pump(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._ending], [], [])
            if self._ending in ready:
                return
            self._board.send(os.read(self._master, 4096))

    def _tell(self, message: Message) -> None:
        if "uart" in message:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, bytes.fromhex(message["hex"]))
