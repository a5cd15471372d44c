"""rules.toml as frozen values, or one line that says what is wrong. The text is handed in; the only file that is read
is the library of this package, and only if the site names a place of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from minegate_interlock.digest import sha256
from minegate_interlock.fitness import VOTES, fit
from minegate_interlock.forms import KEYS, UnfitError, checked, rows
from minegate_interlock.library import EDITIONS, entries, library_hash
from minegate_interlock.output_kinds import BAUD_RATES, output_row
from minegate_interlock.places import Site, doubt_of, fan_lock, place
from minegate_interlock.terms import (
    REACTION_MAX_MS,
    Area,
    Deviation,
    Doubt,
    FanLock,
    FanOutput,
    Limit,
    Output,
    OutputClass,
    ProofTest,
    Rules,
    Suspension,
    Timing,
    Vote,
    Watch,
    in_force,
)  # fmt: skip

__all__ = [
    "BAUD_RATES", "REACTION_MAX_MS", "Area", "Deviation", "Doubt", "FanLock", "FanOutput", "Limit", "Output",
    "OutputClass", "ProofTest", "Rules", "RulesError", "Suspension", "Timing", "Vote", "Watch", "in_force", "load",
]  # fmt: skip

_TABLES = [name for name in KEYS if name != "deviation"]  # that one stands within a [[place]]
_POWER_ON = "lock/power-on"


class RulesError(Exception):
    """Rules that cannot be judged by. One line: file, key, value, limit."""


def load(text: bytes, name: str, utc_s: float | None = None) -> Rules:
    """The rules in `text`; `name` is the file's name for messages. Without a believable `utc_s` (seconds since 1970) no
    deviation holds. Raises RulesError.
    """
    try:
        return _rules(text, utc_s)
    except UnfitError as error:
        raise RulesError(f"{name}: {error}") from error


def _rules(text: bytes, utc_s: float | None) -> Rules:
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also bytes that are no UTF-8, and endless digits
        raise UnfitError(f"not TOML: {error}") from error
    for key in tables:
        if key not in _TABLES:
            raise UnfitError(f"unknown table [{key}]; known are {', '.join(_TABLES)}")
    timing = Timing(**checked("timing", tables.get("timing", {})))
    site = Site(_edition(tables, timing), utc_s)
    placed = [place(f"place {number}", row, site) for number, row in enumerate(rows(tables, "place"), 1)]
    limits = tuple(rule for rule in placed if isinstance(rule, Limit))
    file_hash = sha256(text)
    rules = Rules(
        timing,
        tuple(Output(**output_row(row)) for row in rows(tables, "output", needed=True)),
        tuple(Area(**row) for row in rows(tables, "area", needed=True)),
        tuple(Limit(**doubt_of(row)) for row in rows(tables, "limit", needed=not limits)) + limits,
        sha256(file_hash + library_hash()) if site.edition else file_hash,
        tuple(rule for rule in placed if isinstance(rule, Watch)),
        tuple(FanOutput(**output_row(row)) for row in rows(tables, "fan_output")),
        tuple(fan_lock(f"fan_lock {number}", row, site) for number, row in enumerate(rows(tables, "fan_lock"), 1)),
        tuple(_vote(row) for row in rows(tables, "vote")),
        _suspension(tables),
        tuple(ProofTest(**row) for row in rows(tables, "proof_test")),
        site.edition,
        file_hash,
    )
    fit(rules)
    return rules


def _edition(tables: Mapping[str, Any], timing: Timing) -> str:
    """The edition of the regulations that the site stands under; "" if it names no place of the library."""
    if "library" not in tables:
        for table in ("place", "fan_lock"):
            if table in tables:
                raise UnfitError(f"[[{table}]] needs [library] edition, one of {', '.join(EDITIONS)}")
        return ""
    edition = str(checked("library", tables["library"])["edition"])
    if edition not in EDITIONS:
        raise UnfitError(f"library: edition = {edition!r} is not one of {', '.join(EDITIONS)}")
    least_s = entries()[_POWER_ON]["power_on_lock_s"]
    if not timing.power_on_lock_s >= least_s:
        raise UnfitError(f"timing: power_on_lock_s = {timing.power_on_lock_s} is below {least_s} of {_POWER_ON!r}")
    return edition


def _vote(row: dict[str, Any]) -> Vote:
    where = f"vote {row['name']!r}"
    if row["votes"] not in VOTES:
        raise UnfitError(f"{where}: votes = {row['votes']!r} is not one of {', '.join(VOTES)}")
    members, need, degraded = VOTES[row["votes"]]
    if len(row["points"]) != members:
        raise UnfitError(f"{where}: {row['votes']} needs {members} points, {len(row['points'])} are given")
    if row["degraded"] not in degraded:
        raise UnfitError(f"{where}: degraded = {row['degraded']!r} is not one of {', '.join(degraded)}")
    return Vote(row["name"], row["area"], row["points"], need, row["degraded"])


def _suspension(tables: Mapping[str, Any]) -> Suspension:
    calibration = checked("calibration", tables["calibration"]) if "calibration" in tables else {"max_min": 30}
    bypass = checked("bypass", tables["bypass"]) if "bypass" in tables else {"max_min": 0, "day_min": 0}
    return Suspension(calibration["max_min"], bypass["max_min"], bypass["day_min"])
