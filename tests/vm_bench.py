"""The bench of firmware/vm seen from a test: boards with a real MicroPython VM, their pins, lines and clock."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FIRMWARE = ROOT / "firmware"
VM = FIRMWARE / "vm"
PROGRAMS = VM / "programs"
DEADLINE_S = 20.0
PACKAGES = ("minegate_wire", "minegate_node", "minegate_hal")
SOURCES = tuple(sorted(path for package in PACKAGES for path in (FIRMWARE / package).glob("*.py")))

Message = dict[str, Any]


class Bench:
    """One Node process, one worker thread per board. Close it; it does not outlive the test."""

    def __init__(self) -> None:
        if not (VM / "node_modules").is_dir():
            raise RuntimeError(f"no MicroPython VM: run `npm ci` in {VM.relative_to(ROOT)} (tools/test does)")
        self._process = subprocess.Popen(
            ["node", str(VM / "host.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._hearers: dict[str, Callable[[Message], None]] = {}
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._listen, name="bench")
        self._thread.start()
        self._boards = 0

    def board(self, hear: Callable[[Message], None], boot: Message) -> str:
        """Power on a board; `hear` gets what it tells, in the bench's thread. Its name."""
        self._boards += 1
        name = f"board-{self._boards}"
        self._hearers[name] = hear
        self.send({"board": name, "boot": boot})
        return name

    def send(self, message: Message) -> None:
        """See firmware/vm/README.md for what may be said."""
        assert self._process.stdin is not None
        with self._sending:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Every board off."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)
        self._thread.join()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            self._hearers[message.pop("board")](message)


class Told:
    """What a board has told, in order; `await_` waits for more, `listeners` get each in the bench's thread."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.listeners: list[Callable[[Message], None]] = []
        self.changed = threading.Condition()

    def hear(self, message: Message) -> None:
        with self.changed:
            self.messages.append(message)
            for listener in self.listeners:
                listener(message)
            self.changed.notify_all()

    def await_(self, wanted: Callable[[Message], bool], first: int = 0, deadline_s: float = DEADLINE_S) -> int:
        """The number behind the first message from `first` on that is `wanted`."""
        seen = first
        with self.changed:
            while True:
                for message in self.messages[seen:]:
                    seen += 1
                    if wanted(message):
                        return seen
                if not self.changed.wait(deadline_s):
                    raise TimeoutError(f"after {deadline_s} s the board has told only {self.messages[-20:]}")


def booting(program: str, folders: Iterable[Path] = (), files: Iterable[Path] = (), **more: object) -> Message:
    """How a board starts: the firmware's packages, the .py files of `folders`, and `files` are on it."""
    own = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    boot: Message = {
        "program": program,
        "files": [str(path) for path in (*SOURCES, *own, *files)],
        "folders": [str(FIRMWARE), *map(str, folders)],
        "cause": 1,
        "ticks": 0,
        "pace_ms": 1,
        "virtual": False,
        "trace": False,
    }
    return boot | more
