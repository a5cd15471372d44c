"""The same cuts while link stands still, and while its disk is full and its broker gone: nobody must notice."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from minegate_tools.bench.quantiles import spread
from minegate_tools.bench.rows import Row
from minegate_tools.bench.trip_cases import DISTURBED_SHARE, Shape
from minegate_tools.bench.trip_run import Cut, gateway

_DISK = "size=32m"
_CUT_S = 6.0


async def disturbed(folder: Path, shape: Shape, seed: int, count: int) -> AsyncIterator[Row]:
    """Cuts before, and in each trouble, on one gateway: half of the undisturbed ones before, half after them."""
    with small_disk(folder / "journal") as is_small:
        async with gateway(folder, shape, seed) as running:

            async def cuts(many: int) -> list[Cut]:
                return await running.cuts(many, 30 + _CUT_S * many / shape.lines)

            quiet = await cuts(count // 2)
            running.signal("link", signal.SIGSTOP)
            stopped = await cuts(count)
            running.signal("link", signal.SIGCONT)
            await running.broker.stop()
            filled = is_small and fill(folder / "journal" / "filler")
            troubled = await cuts(count)
            (folder / "journal" / "filler").unlink(missing_ok=True)
            await running.broker.start()
            quiet += await cuts(count - count // 2)
    yield from_quiet("link stands still (SIGSTOP)", quiet, stopped)
    words = "disk full and broker gone" if filled else "broker gone (no right to mount a small disk: not filled)"
    yield from_quiet(words, quiet, troubled)


def from_quiet(words: str, quiet: list[Cut], cuts: list[Cut]) -> Row:
    """The medians beside each other; what is promised is that neither way becomes longer by more than a tenth."""
    own, usual = spread(cut.contact_ms for cut in cuts), spread(cut.contact_ms for cut in quiet)
    fast, fast_usual = spread(cut.reaction_ms for cut in cuts), spread(cut.reaction_ms for cut in quiet)
    share = max(own.p50 / usual.p50, fast.p50 / fast_usual.p50)
    told = f"{own.p50:.0f} ({usual.p50:.0f}), OPEN {fast.p50:.2f} ({fast_usual.p50:.2f})"
    return Row(f"  {words}: median, undisturbed in ()", told, "", f"<= {DISTURBED_SHARE:.0%}", share <= DISTURBED_SHARE)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own for `folder` that can be filled; False where nobody may mount one."""
    folder.mkdir(parents=True)
    mounted = _quiet("mount", "-t", "tmpfs", "-o", _DISK, "none", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            _quiet("umount", "--lazy", str(folder))


def fill(filler: Path) -> bool:
    """Write until there is no room; True."""
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            return True


def _quiet(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
