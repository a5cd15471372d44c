"""The bench with boards on the unix port of MicroPython: a process per board, the watchdog's clock here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable

from vm_bench import DEADLINE_S, VM, Message

UNIX = shutil.which(os.environ.get("MICROPYTHON", "micropython"))
TOLD = "\x01"
LOOK_S = 0.01
WATCHDOG_RESET = 3
HEAP = "heapsize=2m"  # for the messages of the harness as well; the firmware's own use is bounded by test_vm_heap.py


class UnixBoard:
    """One board: a process that is ended and started again by its watchdog."""

    def __init__(self, hear: Callable[[Message], None], boot: Message) -> None:
        self._hear = hear
        self._boot = boot
        self._world: Message = {"pins": {}, "analog": {}, "follows": {}} | boot.get("world", {})
        self._lock = threading.RLock()
        self._ending = False
        self._start(boot["cause"])
        self._watcher = threading.Thread(target=self._watch, name="watchdog")
        self._watcher.start()

    def send(self, message: Message) -> None:
        """A line to the program; what lasts over a reset is kept."""
        with self._lock:
            for part, world in self._world.items():
                world.update(message.get(part, {}))
            try:
                self._stdin.write(json.dumps(message) + "\n")
                self._stdin.flush()
            except BrokenPipeError:
                return  # the program has ended; its reader tells

    def off(self) -> None:
        """Power off."""
        self._ending = True
        self._watcher.join()
        self._cut()
        self._hear({"off": True})

    def _start(self, cause: int) -> None:
        path = [str(VM / "unix"), str(VM / "fake"), *self._boot["folders"]]
        program = f"import sys\nsys.path[:0] = {path!r}\nimport missing\n{self._boot['program']}\n"
        assert UNIX is not None
        self._process = subprocess.Popen(
            [UNIX, "-X", HEAP, "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        self._high: dict[str, bool] = {}
        self._watchdog_s = 0.0
        self._fed_s = time.perf_counter()
        self._reset: int | None = None
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="unix board")
        self._reader.start()
        self.send(
            {key: self._boot[key] for key in ("virtual", "ticks", "pace_ms")} | {"cause": cause, "world": self._world}
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            if not line.startswith(TOLD):
                printed.append(line)
                continue
            message = json.loads(line[1:])
            if "fed" in message:
                self._fed_s = time.perf_counter()
            elif "watchdog_ms" in message:
                self._watchdog_s, self._fed_s = message["watchdog_ms"] / 1000, time.perf_counter()
            elif "reset" in message:
                self._reset = message["reset"]
            else:
                if "pin" in message:
                    self._high[message["pin"]] = bool(message["value"])
                self._hear(message)
        if printed:
            self._hear({"died": "".join(printed)})

    def _watch(self) -> None:
        while not self._ending:
            time.sleep(LOOK_S)
            hung = (
                self._watchdog_s and not self._boot["virtual"] and time.perf_counter() - self._fed_s > self._watchdog_s
            )
            cause = WATCHDOG_RESET if hung else self._reset
            if cause is not None:
                with self._lock:
                    self._cut()
                    self._hear({"reset": cause})
                    self._start(cause)

    def _cut(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._reader.join()
        self._stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        for pin, high in self._high.items():
            if high:
                self._hear({"pin": pin, "value": 0})


class UnixBench:
    """See vm_bench.Bench."""

    def __init__(self) -> None:
        self._boards: dict[str, UnixBoard] = {}

    def board(self, hear: Callable[[Message], None], boot: Message) -> str:
        """Power on a board; its name."""
        name = f"unix-{len(self._boards) + 1}"
        self._boards[name] = UnixBoard(hear, boot)
        return name

    def send(self, message: Message) -> None:
        """To the board that the message names."""
        board = self._boards[message["board"]]
        if message.get("off"):
            board.off()
        else:
            board.send({key: value for key, value in message.items() if key != "board"})

    def close(self) -> None:
        """Boards end with the test that made them."""
