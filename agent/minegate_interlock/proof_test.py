"""Proof tests: what is due, and how one runs. Pure: the outputs are told by the engine, the time of day is handed in.

A lock test cuts an area that has power and waits for the open contact and, where it is measured, for the dead load; the
area then waits for a person's reset, as after every cut. A fan-lock test closes the lock's contact for a moment and
lets it go. What was found is an evidence record.
"""

from __future__ import annotations

from typing import NamedTuple

from minegate_interlock.terms import REACTION_MAX_MS, ProofTest, Rules

DAY_S = 86_400
FAN_HELD_MS = 1500  # long enough to be read back, too short for the air to miss the fan
SELF_TEST_MS = 10_000  # after start: every output must have answered, and with an open contact


class Key(NamedTuple):
    """Which test: kind and subject as in [[proof_test]]."""

    kind: str
    subject: str


class Running(NamedTuple):
    """A test that somebody has begun. `opened_ms`: how long the contact took; None: not yet."""

    key: Key
    by: str
    begun_ms: int
    opened_ms: int | None = None


class Finding(NamedTuple):
    """What a test showed: passed or not, after how many ms, and in words."""

    passed: bool
    took_ms: int | None
    words: str


def find_lock(running: Running, load_dead: bool | None, feed_check_ms: int, now_ms: int) -> Finding | None:
    """None while the test is going on. `load_dead` None: the load side is not measured or not known."""
    took_ms, elapsed_ms = running.opened_ms, now_ms - running.begun_ms
    if took_ms is not None and took_ms > REACTION_MAX_MS:
        return Finding(False, took_ms, f"contact open after {took_ms} ms, {REACTION_MAX_MS} ms are allowed")
    if took_ms is not None and load_dead is not False:
        load = "load side dead" if load_dead else "load side not measured"
        return Finding(True, took_ms, f"contact open after {took_ms} ms, {load}")
    if elapsed_ms <= REACTION_MAX_MS + feed_check_ms:
        return None
    if took_ms is None:
        return Finding(False, None, f"contact not read back open within {elapsed_ms} ms")
    return Finding(False, took_ms, f"contact open after {took_ms} ms, load side not seen dead after {elapsed_ms} ms")


def find_fan(running: Running, now_ms: int) -> Finding | None:
    """`opened_ms` is here the time until the lock's contact was read back closed."""
    if running.opened_ms is not None:
        return Finding(True, running.opened_ms, f"lock contact closed after {running.opened_ms} ms and was let go")
    if now_ms - running.begun_ms < FAN_HELD_MS:
        return None
    return Finding(False, None, f"lock contact not read back closed within {FAN_HELD_MS} ms")


def overdue(test: ProofTest, done_s: float | None, utc_s: float) -> bool:
    """Whether the test is due at `utc_s` (seconds since 1970). One that was never done is."""
    return done_s is None or not utc_s - done_s <= test.days * DAY_S


def days_since(done_s: float | None, utc_s: float) -> float:
    """Days since it was last done; NaN if it never was."""
    return float("nan") if done_s is None else (utc_s - done_s) / DAY_S


def test_of(rules: Rules, subject: str) -> Key | None:
    """What a person means who asks for a test of `subject`."""
    if any(area.name == subject for area in rules.areas):
        return Key("lock", subject)
    if any(fan.name == subject for fan in rules.fans):
        return Key("fan-lock", subject)
    return None
