"""rules.toml: what cannot be judged by is refused in one line that names the file, the key, the value and the limit."""

from __future__ import annotations

import hashlib

import pytest

from heading import AREA, EXAMPLE, FAN, FLOW, T1, T2
from minegate_interlock.rules import RulesError, Timing, load

TEXT = EXAMPLE.read_text(encoding="utf-8")
SECOND = '[[area]]\nname = "two"\noutputs = ["relay-1"]\n'
LONE_OUTPUT = '[[output]]\nname = "relay-2"\ndevice = "relay-2"\nnode = 10\n'
LONG = "九" * 17  # 51 bytes of UTF-8 in 17 characters

# what stands in the example, what it is changed to, what the line must name
REFUSED = [
    ("[timing]", "[timing", ["not TOML"]),
    ("[timing]", "[times]", ["[times]", "timing, output, area, limit"]),
    ("tick_ms = 50 ", "tick = 50 ", ["timing", "'tick'", "tick_ms"]),
    ("tick_ms = 50 ", "tick_ms = 9 ", ["tick_ms", "9", "10..200"]),
    ("tick_ms = 50 ", "tick_ms = 50.0 ", ["tick_ms", "50.0", "whole number"]),
    ("tick_ms = 50 ", "tick_ms = true ", ["tick_ms", "True", "whole number"]),
    ("lease_ms = 600", "lease_ms = 2001", ["lease_ms", "2001", "100..2000"]),
    ("renew_ms = 150", "renew_ms = 300", ["renew_ms", "300", "600"]),
    ("feed_check_ms = 2000", "feed_check_ms = 100", ["feed_check_ms", "100", "200..60000"]),
    ("power_on_lock_s = 60", "power_on_lock_s = -1", ["power_on_lock_s", "-1", "0..3600"]),
    ("node = 9\n", "node = 256\n", ["output 1", "node", "256", "1..255"]),
    ("node = 9\n", "", ["relay-1", "'node'", "missing"]),
    ("relay = 0", "relay = 1", ["relay", "1", "0..0"]),
    ("baud = 9600", "baud = 9601", ["relay-1", "baud", "9601", "9600"]),
    ('kind = "node"', 'kind = "fan"', ["relay-1", "kind", "'fan'", "'node'"]),
    ('device = "sim/relay-1"', "device = 7", ["device", "7", "a text"]),
    ('outputs = ["relay-1"]', 'outputs = ["relay-2"]', ["relay-1", "area"]),
    ('outputs = ["relay-1"]', 'outputs = ["relay-1", "x"]', ["heading-1201", "'x'", "relay-1"]),
    ('outputs = ["relay-1"]', "outputs = []", ["area 1", "outputs", "1..8"]),
    ('outputs = ["relay-1"]', "outputs = [1]", ["outputs", "[1]", "list of names"]),
    ('outputs = ["relay-1"]', 'outputs = "relay-1"', ["outputs", "list of names"]),
    ("[[area]]", SECOND + "[[area]]", ["relay-1", "two areas"]),
    ("[[area]]", LONE_OUTPUT + SECOND.replace("relay-1", "relay-2") + "[[area]]", ["'two'", "[[limit]]"]),
    ("[[area]]", LONE_OUTPUT + "[[area]]", ["relay-2", "[[area]]"]),
    ('name = "heading-1201"', f'name = "{LONG}"', ["area 1", "name", LONG, "1..48 bytes"]),
    ('feed_point = "1201-feed"', 'feed = "1201-feed"', ["area 1", "'feed'", "feed_point"]),
    (f'area = "{AREA}"\npoint = "{T1}"', f'area = "x"\npoint = "{T1}"', [T1, "'x'", AREA]),
    (f'point = "{T2}"', f'point = "{T1}"', [f"{AREA}/{T1}", "twice"]),
    (f'point = "{T2}"', "point = 2", ["limit 2", "point", "2"]),
    ("cut = 1.5", "cut = 4.5", [T1, "cut", "4.5", "high 4"]),
    ("cut = 1.5", "cut = nan", ["limit 1", "cut", "nan"]),
    ("cut = 1.5", "cut = inf", ["limit 1", "cut", "inf"]),
    ("cut = 1.5", "cut = -inf", ["limit 1", "cut", "-inf"]),
    ("cut = 1.5", f"cut = {10**400}", ["limit 1", "cut"]),
    ("cut = 1.5", f"cut = {'1' * 5000}", ["not TOML"]),
    ("cut = 1.5", 'cut = "1.5"', ["limit 1", "cut", "'1.5'", "a number"]),
    ("cut = 1.5", "", ["limit 1", "'cut'", "missing"]),
    ("cut = 1.5\nrestore = 1.0", "cut = 1.5\nrestore = 1.6", [T1, "restore", "1.6", "1.5"]),
    ("alarm = 1.0\ncut = 1.5", "alarm = 1.6\ncut = 1.5", [T1, "alarm", "1.6", "1.5"]),
    ("restore = 2.5", "restore = 1.9", [FLOW, "restore", "1.9", "2"]),
    ("cut = 2.0\nrestore", "alarm = 1.9\ncut = 2.0\nrestore", [FLOW, "alarm", "1.9", "2"]),
    ('direction = "falling"\nlow = 0.0\nhigh = 1.0', 'direction = "down"\nlow = 0.0\nhigh = 1.0', [FAN, "'down'"]),
    ("high = 30.0", "high = 0.0", [FLOW, "low", "high"]),
    ("stale_ms = 1200\n", "stale_ms = 1351\n", [T1, "stale_ms", "1351", "1350", "2000"]),
    ("stale_ms = 1200\n", "stale_ms = 99\n", ["limit 1", "stale_ms", "99", "100..2000"]),
    ('source = "methane', 'sauce = "methane', ["limit 1", "'sauce'"]),
]


@pytest.mark.parametrize(("stands", "changed", "named"), REFUSED)
def test_a_refusal_is_one_line_that_names_key_value_and_limit(stands: str, changed: str, named: list[str]) -> None:
    assert stands in TEXT
    with pytest.raises(RulesError) as refused:
        load(TEXT.replace(stands, changed, 1).encode(), "site/rules.toml")
    line = str(refused.value)
    assert line.startswith("site/rules.toml: ")
    assert "\n" not in line
    assert [word for word in named if word not in line] == []


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"", b"limit = 1", b"timing = 1", b"output = [1]", b"a = " + b"[" * 5000, b"[[area]]\n"]
)
def test_a_file_that_is_no_rules_file_is_refused(text: bytes) -> None:
    with pytest.raises(RulesError, match=r"^rules\.toml: "):
        load(text, "rules.toml")


@pytest.mark.parametrize("table", ["output", "area", "limit"])
def test_rules_without_outputs_areas_or_limits_are_refused(table: str) -> None:
    parts = TEXT.split("[[")
    kept = [part for part in parts if not part.startswith(table + "]]")]
    with pytest.raises(RulesError, match=rf"at least one \[\[{table}\]\]"):
        load("[[".join(kept).encode(), "rules.toml")


def test_the_example_says_what_the_table_of_the_regulation_says() -> None:
    rules = load(EXAMPLE.read_bytes(), "rules.toml")
    assert rules.timing == Timing()  # the example shows the defaults
    assert rules.hash == hashlib.sha256(EXAMPLE.read_bytes()).digest()
    found = {limit.point: (limit.direction, limit.alarm, limit.cut, limit.restore) for limit in rules.limits}
    assert found == {
        T1: ("rising", 1.0, 1.5, 1.0),
        T2: ("rising", 1.0, 1.0, 1.0),
        FAN: ("falling", None, 0.5, 0.5),
        FLOW: ("falling", None, 2.0, 2.5),
    }
    assert all("(R)" in limit.source for limit in rules.limits)


def test_timing_may_be_left_out() -> None:
    start, rest = TEXT.split("[timing]")[0], TEXT[TEXT.index("[[output]]") :]
    assert load((start + rest).encode(), "rules.toml").timing == Timing()


def test_any_edit_is_another_hash() -> None:
    assert load((TEXT + "\n").encode(), "rules.toml").hash != load(TEXT.encode(), "rules.toml").hash
