"""A progress bar on stderr, where there is a terminal to draw it on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(title: str) -> Iterator[Callable[[float], None]]:
    """Inside the block, call with the share done (0 to 1)."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:  # the extra `terminal` is not installed: the work is the same
        yield lambda share: None
        return
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda share: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def parts_of(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Inside the block, call with each further part of `total`."""
    done = 0
    with progress(title) as show:

        def more(part: int) -> None:
            nonlocal done
            done += part
            show(min(1.0, done / max(1, total)))

        yield more
