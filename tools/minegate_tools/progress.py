"""A progress bar on a terminal, and nothing where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields what is told of each further part of `total`. Without rich or a terminal nothing is drawn."""
    try:
        from rich.progress import Progress
    except ModuleNotFoundError:
        yield lambda _part: None
        return
    from rich.console import Console

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda part: bar.advance(task, part)
