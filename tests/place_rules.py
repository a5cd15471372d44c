"""The heading written by place, and variants of it, for tests of the rule library and what it brings."""

from __future__ import annotations

from heading import AREA, EXAMPLE
from minegate_interlock.rules import Rules, load

BY_PLACE = EXAMPLE.with_name("rules-by-place.toml").read_text(encoding="utf-8")
DAY_S = 86_400
MARCH_2027_S = 1_806_451_200  # 2027-03-31T00:00Z
NOW_S = MARCH_2027_S - 30 * DAY_S


def by_place() -> Rules:
    """The example as it is shipped."""
    return load(BY_PLACE.encode(), "rules-by-place.toml")


def with_place(key: str, own: str, edition: str = "coal-2025") -> str:
    """The example with one place more, whose point is X."""
    klass, name = key.split("/")
    place = f'[[place]]\narea = "{AREA}"\nclass = "{klass}"\nid = "{name}"\npoint = "X"\nstale_ms = 1200\n{own}\n'
    head, rest = BY_PLACE.replace('"coal-2025"', f'"{edition}"', 1).split("[[place]]", 1)
    if edition == "coal-2007":  # the newer rules are not in it
        kept = rest.split("[[place]]              # a pre-alarm")
        rest = kept[0] + "[[fan_lock]]" + kept[1].split("[[fan_lock]]", 1)[1]
    return head + place + "[[place]]" + rest


def with_tables(text: str) -> Rules:
    """The example with more tables behind it."""
    return load((BY_PLACE + "\n" + text).encode(), "rules-by-place.toml", NOW_S)
