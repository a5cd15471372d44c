"""How a benchmark tells a figure: what was measured, what is promised, and whether it was kept."""

from __future__ import annotations

from typing import NamedTuple

_WIDTHS = (64, 22, 22)


class Row(NamedTuple):
    """`kept` None: shown, and nothing is promised."""

    figure: str
    measured: str
    promised: str = ""
    kept: bool | None = None


def show(row: Row) -> None:
    """One line."""
    said = "" if row.kept is None else "OK" if row.kept else "BROKEN"
    cells = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], _WIDTHS, strict=True))
    print(f"{cells}  {said}".rstrip(), flush=True)


def at_most(figure: str, value: float, limit: float, form: str = "{:.2f}", unit: str = "") -> Row:
    """Kept if the value is a number not above the limit."""
    return Row(figure, (form + " {}").format(value, unit).strip(), f"<= {limit:g} {unit}".strip(), value <= limit)


def at_least(figure: str, value: float, limit: float, form: str = "{:,.0f}", unit: str = "") -> Row:
    """Kept if the value is a number not below the limit."""
    return Row(figure, (form + " {}").format(value, unit).strip(), f">= {limit:,g} {unit}".strip(), value >= limit)
