"""A relay node on a real pseudo-terminal: a plain loop in a thread, as it runs on a board, with a contactor."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

from minegate_node.relay import RelayNode

STEP_S = 0.005


class RelayCabinet:
    """Node `address` behind the symbolic link `path`. `closed` is the contact; `openings` counts its openings."""

    def __init__(self, path: Path, address: int, boot_nonce: int = 4711) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        path.symlink_to(os.ttyname(self._slave))
        self._node = RelayNode(address, boot_nonce)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="relay cabinet")
        self._ending = False
        self.changed = threading.Condition()
        self.closed = False
        self.welded_open = False
        self.welded_closed = False

    def __enter__(self) -> RelayCabinet:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending = True
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def reboot(self, boot_nonce: int) -> None:
        """The node restarts: its coil falls, its nonce is another."""
        with self._lock:
            self._node = RelayNode(self._node.address, boot_nonce)

    def await_contact(self, closed: bool, deadline_s: float) -> bool:
        """Whether the contact is `closed` before the deadline."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed is closed, deadline_s)

    def _loop(self) -> None:
        while not self._ending:
            ready, _, _ = select.select([self._master], [], [], STEP_S)
            with self._lock:
                data = os.read(self._master, 4096) if ready else b""
                coil = self._turn(data, time.monotonic_ns() // 1_000_000 & 0x3FFFFFFF)
                answer = self._answer()
            if answer:
                os.write(self._master, answer)
            closed = (coil or self.welded_closed) and not self.welded_open
            with self.changed:
                if closed is not self.closed:
                    self.closed = closed
                    self.changed.notify_all()

    def _turn(self, data: bytes, now_ms: int) -> bool:
        self._node.feed(data)
        return self._node.step(now_ms, self.closed)

    def _answer(self) -> bytes:
        return self._node.reply()
