"""What a wish to a place says, checked: one of the names that there are, a number within its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Thing = TypeVar("Thing")


def chosen(things: Mapping[str, Thing], wish: Mapping[str, object], key: str) -> Thing:
    """The thing that `wish[key]` names. ValueError tells the names that there are."""
    name = str(wish.get(key))
    if name not in things:
        raise ValueError(f"{key} {name!r} is not one of {', '.join(things)}")
    return things[name]


def number(wish: Mapping[str, object], key: str, high: float) -> float:
    """`wish[key]` as a number within 0..high. ValueError; NaN is none."""
    value = wish.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"{key}: {value!r} is not a number within 0..{high:g}")
    return float(value)


def flag(wish: Mapping[str, object], key: str) -> bool:
    """`wish[key]` as true or false. ValueError."""
    value = wish.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is not true or false")
    return value
