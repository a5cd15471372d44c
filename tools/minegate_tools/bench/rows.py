"""A figure as `minegate bench` shows it."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure. `kept` None: shown for comparison, nothing is promised."""

    figure: str
    ours: str
    theirs: str
    promised: str = ""
    kept: bool | None = None
