"""What the page draws out of rules.toml: alarm and cut lines, titles of areas. Only shown; the interlock judges."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from minegate_interlock import proof_dates
from minegate_interlock.proof_test import Key
from minegate_interlock.rules import ProofTest, RulesError, load

FILE = "rules.toml"

log = logging.getLogger("link")


class Drawn(NamedTuple):
    """`limits`: point -> alarm and cut; `titles`: area -> Chinese and English; the proof tests that are asked for."""

    limits: dict[str, tuple[float | None, float | None]]
    titles: dict[str, tuple[str, str]]
    tests: tuple[ProofTest, ...] = ()


def drawn(folder: Path) -> Drawn:
    """What the site's rules say, or nothing if they cannot be read; that is the interlock's to complain about."""
    path = folder / FILE
    try:
        rules = load(path.read_bytes(), str(path))
    except (OSError, RulesError) as error:
        log.info("no limit lines on the page: %s", error)
        return Drawn({}, {})
    limits: dict[str, tuple[float | None, float | None]] = {}
    for limit in rules.limits:
        limits.setdefault(limit.point, (limit.alarm, limit.cut))
    return Drawn(limits, {area.name: (area.title_zh, area.title_en) for area in rules.areas}, rules.tests)


def passed(run_folder: Path) -> dict[Key, float]:
    """When each proof test was last passed, as the interlock keeps it."""
    return proof_dates.read(run_folder)
