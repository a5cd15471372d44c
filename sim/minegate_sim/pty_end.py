"""A pseudo-terminal with a stable name, and the task that lets a far end speak through it at its own pace."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minegate_agent.clock import Clock
from minegate_sim.far_end import NEVER, FarEnd, Rousable

READ_BYTES = 4096


class Pty:
    """The master side. It stays open, and raw, while the near side opens and closes as it likes."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.unheard_bytes = 0  # nobody read them: the kernel's buffer was full

    def read(self) -> bytes:
        """What the near side wrote; empty if nothing."""
        try:
            return os.read(self.master, READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Hand `data` to the near side; what it leaves lying is lost and counted, as on a cable."""
        try:
            written = os.write(self.master, data)
        except BlockingIOError:
            written = 0
        self.unheard_bytes += len(data) - written


@contextmanager
def opened(link: Path) -> Iterator[Pty]:
    """A new pty that `link` points to; a link left by a simulator that died is replaced. Raises OSError."""
    master, slave = os.openpty()
    try:
        # held open by us: without any opener of the slave side, reading the master is an error (EIO) for ever
        tty.setraw(slave)
        os.set_blocking(master, False)
        target = os.ttyname(slave)
        _point(link, target)
        try:
            yield Pty(master)
        finally:
            if link.is_symlink() and os.readlink(link) == target:
                link.unlink()
    finally:
        os.close(master)
        os.close(slave)


async def serve(pty: Pty, end: FarEnd, clock: Clock, after: Callable[[], None]) -> None:
    """Let `end` hear and speak through `pty`, for ever; `after` is called whenever something may have happened."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pty.master, readable.set)
    if isinstance(end, Rousable):
        end.rouse = readable.set
    try:
        while True:
            await _until(readable, end.due_ms() - clock.monotonic_ms())
            readable.clear()
            if data := pty.read():
                # the clock counts whole milliseconds: the next one, so that no byte is heard before it was written
                end.arrive(data, clock.monotonic_ms() + 1)
            if out := end.run(clock.monotonic_ms()):
                pty.write(out)
            after()
    finally:
        loop.remove_reader(pty.master)


async def _until(readable: asyncio.Event, wait_ms: float) -> None:
    try:
        async with asyncio.timeout(None if wait_ms == NEVER else max(0.0, wait_ms / 1000.0)):
            await readable.wait()
    except TimeoutError:
        return


def _point(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)  # in one step: whoever opens the name finds the old line or the new one
