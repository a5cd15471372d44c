"""Plain text tables, for a terminal of a gateway that has nothing installed but the agent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def columns(text: str) -> int:
    """Columns that `text` takes in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines under a head, columns aligned. The empty string if there is no row."""
    texts = [[str(cell) for cell in row] for row in rows]
    if not texts:
        return ""
    widths = [max(columns(row[at]) for row in (list(head), *texts)) for at in range(len(head))]
    lines = [head, ["-" * width for width in widths], *texts]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
