"""From over-limit to open contact, computed before start: every term, and a refusal that names the one to change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from line_work import head, line_port
from minegate_agent.check import Report, check
from minegate_agent.config import Port
from minegate_agent.field.plan import plan_line
from minegate_agent.reaction_times import RuleTime
from minegate_agent.worst_case import HOP_MS, RELEASE_MS, Way, Worst, cases
from minegate_drivers import dbc
from minegate_drivers.catalogue import build
from minegate_interlock.terms import Timing
from minegate_sim.edit import set_value
from minegate_sim.example import example

GATEWAY, RULES = "gateway.toml", "rules.toml"
POLL_MS = 22 * 10 / 9.6 + 2 * 3.5 * 10 / 9.6  # 8 + 14 bytes and two silences at 9600 baud
WORD_MS = 14 * 10 / 9.6 + 3.5 * 10 / 9.6


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in (GATEWAY, RULES):
        (tmp_path / name).write_text((example() / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has lost {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def time_of(report: Report, point: str) -> RuleTime:
    return next(time for time in report.limits if time.point == point)


def heads_way(count: int, port: Port | None = None, **keys: object) -> Way:
    port = port or line_port()
    devices = [head(number, timeout_ms=150, **keys) for number in range(1, count + 1)]
    return Way(devices[0], port, 0, plan_line(port, devices), tuple(devices))


def named(way: Way, timing: Timing | None = None) -> dict[str, Worst]:
    return {case.name: case.worst for case in cases(way, timing or Timing(), 1200, 670)}


def test_every_rule_of_the_example_acts_within_its_time(site: Path) -> None:
    report = check(site)
    assert [time.limit_ms for time in report.limits] == [2000] * 4
    assert [time for time in report.limits if time.worst is None or not time.worst.total_ms <= time.limit_ms] == []


def test_each_term_of_a_polled_point_comes_from_where_it_is_set() -> None:
    found = named(heads_way(3))
    assert list(found) == ["healthy", "1 dead", "2 dead", "silent"]
    healthy = found["healthy"]
    assert (healthy.period_ms, healthy.processes_ms, healthy.output_ms) == (500, 2 * HOP_MS, 670)
    assert healthy.line_ms == pytest.approx(3 * POLL_MS)
    assert (healthy.dead_ms, healthy.tick_ms, healthy.stale_ms) == (0, 0, 0)
    assert found["1 dead"].dead_ms == pytest.approx(150 - 3.5 * 10 / 9.6)
    assert found["2 dead"].dead_ms == pytest.approx(2 * found["1 dead"].dead_ms)
    silent = found["silent"]
    assert (silent.period_ms, silent.stale_ms, silent.tick_ms) == (0, 1200, 50)
    assert silent.line_ms == pytest.approx(WORD_MS)
    assert silent.total_ms == pytest.approx(WORD_MS + 1200 + 50 + 2 * HOP_MS + 670)


def test_on_an_eager_line_a_reading_is_one_round_old_and_no_period() -> None:
    found = named(heads_way(16, line_port(eager=True), period_ms=2000))
    assert found["healthy"].period_ms == 0
    assert found["healthy"].line_ms == pytest.approx(16 * POLL_MS)
    assert found["2 dead"].dead_ms == pytest.approx(2 * (150 - 3.5 * 10 / 9.6))


def test_a_port_in_a_process_of_its_own_is_one_process_more() -> None:
    assert named(heads_way(1, line_port(isolate=True)))["healthy"].processes_ms == 3 * HOP_MS


def test_a_line_behind_a_network_adds_its_way_and_what_is_promised_of_it_replaces_the_guess() -> None:
    behind = line_port(device="socket://10.0.0.7:4001")
    assert named(heads_way(1, behind))["healthy"].port_ms == 50
    promised = line_port(device="socket://10.0.0.7:4001", delay_ms=8)
    found = named(heads_way(1, promised))
    assert (found["healthy"].port_ms, found["silent"].port_ms) == (8, 8)


SHIPPED = Path(dbc.__file__).parent / "dbc" / "roadheader.dbc"
CYCLE = """
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 647 200;
"""


@pytest.mark.parametrize(("cycle", "period_ms"), [(CYCLE, 200), ("", 1000)], ids=["its file tells", "the site tells"])
@pytest.mark.parametrize(("interface", "batch_ms"), [("slcan", 10), ("socketcan", 20), ("pcan", 5)])
def test_a_pushed_can_message_counts_its_own_period_the_bus_and_the_batch(
    tmp_path: Path, interface: str, batch_ms: float, cycle: str, period_ms: float
) -> None:
    (tmp_path / "own.dbc").write_text(SHIPPED.read_text(encoding="utf-8") + cycle, encoding="utf-8")
    device = head(1, build("dbc", {"file": "own.dbc"}, tmp_path), period_ms=1000)
    port = Port(name="can-1", kind="can", interface=interface, channel="c", bitrate=250_000)
    found = named(Way(device, port, 2, None, (device,)))
    assert list(found) == ["healthy", "silent"]
    healthy = found["healthy"]
    assert (healthy.period_ms, healthy.port_ms) == (period_ms, batch_ms)
    assert healthy.line_ms == pytest.approx((4 * 135 + 160) / 250)  # the bus's four messages, and a stranger's


def test_a_robot_behind_a_broker_counts_its_period_and_the_way_that_is_promised(site: Path) -> None:
    limit = """
[[limit]]
area = "heading-1201"
point = "robot-ch4"
unit = "%CH4"
low = 0.0
high = 100.0
cut = 1.0
restore = 1.0
stale_ms = 900
source = "V"
"""
    with (site / RULES).open("a", encoding="utf-8") as rules:
        rules.write(limit)
    found = {case.name: case.worst for case in time_of(check(site), "robot-ch4").cases}
    assert (found["healthy"].period_ms, found["healthy"].port_ms) == (1000, 300)
    edit(site / GATEWAY, 'name = "robots"\n', 'name = "robots"\ndelay_ms = 40\n')
    assert time_of(check(site), "robot-ch4").cases[0].worst.port_ms == 40
    edit(site / GATEWAY, "delay_ms = 40", "delay_ms = 900")
    (problem,) = check(site).problems
    assert "point 'robot-ch4'" in problem
    assert "change the period: period_ms of device 'rail-robot' in gateway.toml" in problem


def forty_heads(site: Path, period_ms: int) -> None:
    """The face's line carries 40 methane heads at 2400 baud, the first of them the rule's."""
    text = (site / GATEWAY).read_text(encoding="utf-8")
    text = set_value(text, "port", "baud", 2400, name="rs485-1")
    for name in ("T1-head", "T2-head"):
        text = set_value(text, "device", "period_ms", period_ms, name=name)
    more = "".join(
        f'\n[[device]]\nnumber = {100 + at}\nname = "more-{at}"\nport = "rs485-1"\ndriver = "gas_head"\n'
        f"period_ms = {period_ms}\ntimeout_ms = 150\n[device.options]\nstation = {at}\n"
        for at in range(3, 41)
    )
    (site / GATEWAY).write_text(text.replace("\n[[point]]", more + "\n[[point]]", 1), encoding="utf-8")


def checked(site: Path) -> tuple[int, str]:
    """What a person sees: `minegate check`."""
    command = [sys.executable, "-m", "minegate_tools", "check", str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_forty_sensors_at_2400_baud_on_a_methane_rule_are_refused_with_the_reason(site: Path) -> None:
    forty_heads(site, period_ms=6000)
    code, told = checked(site)
    assert code == 2
    found = re.search(
        r"point '1201-T1-ch4': from over-limit to open contact (\d+) ms \(2 dead\), .*; (change .*)", told
    )
    assert found is not None, told
    assert int(found[1]) > 10_000
    assert found[2] == "change the period: period_ms of device 'T1-head' in gateway.toml"
    assert "6000 period + 4833 line" in told


def test_forty_sensors_that_are_asked_too_often_are_refused_by_the_use_of_the_line(site: Path) -> None:
    forty_heads(site, period_ms=500)
    assert "port 'rs485-1': 967% of its time at 2400 baud is asked for, 100% is the limit" in checked(site)[1]


def eager_heads(site: Path) -> None:
    forty_heads(site, period_ms=6000)
    edit(site / GATEWAY, "baud = 2400", "baud = 2400\neager = true")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda site: edit(site / RULES, "stale_ms = 1200", "stale_ms = 1300"), "change the silence: stale_ms of the"),
        (lambda site: edit(site / GATEWAY, "timeout_ms = 150", "timeout_ms = 900"), "timeout_ms in gateway.toml of 'T"),
        (eager_heads, "port 'rs485-1' asks 40 devices, 4833 ms a round at 2400 baud; fewer devices, a higher baud"),
        (
            lambda site: (
                edit(site / RULES, "lease_ms = 600", "lease_ms = 1200"),
                edit(site / RULES, "stale_ms = 1200", "stale_ms = 740"),
                edit(site / GATEWAY, "period_ms = 500", "period_ms = 600"),
            ),
            "change the lease: timing.lease_ms in rules.toml",
        ),
    ],
)
def test_the_term_that_is_named_is_the_largest_that_can_be_changed(site: Path, change: object, told: str) -> None:
    assert callable(change)
    change(site)
    problems = check(site).problems
    assert problems
    assert any(told in problem for problem in problems), problems


def test_a_rule_may_ask_for_less_than_two_seconds_and_is_held_to_it(site: Path) -> None:
    edit(site / RULES, 'source = "methane table of AQ 1029-2007, heading face T1', 'reaction_ms = 1900\nsource = "T1')
    edit(site / RULES, "stale_ms = 1200", "stale_ms = 1100")
    assert check(site).problems == ()
    edit(site / RULES, "reaction_ms = 1900", "reaction_ms = 1400")
    assert "reaction_ms = 1400 ms" in check(site).problems[0] or "is above" in check(site).problems[0]
    edit(site / RULES, "reaction_ms = 1400", "reaction_ms = 2001")
    assert "reaction_ms = 2001 is not within 100..2000" in check(site).problems[0]


def test_by_place_the_time_is_the_librarys_and_a_lock_of_a_fan_has_one_too(site: Path) -> None:
    (site / RULES).write_text((example() / "rules-by-place.toml").read_text(encoding="utf-8"), encoding="utf-8")
    report = check(site)
    assert report.problems == ()
    assert {time.limit_ms for time in report.limits} == {2000}
    locks = [time for time in report.limits if time.words.startswith("locks fan")]
    assert [time.point for time in locks] == ["1201-T1-ch4", "1201-T2-ch4"]
    assert all(case.name != "silent" for time in locks for case in time.cases)  # a silence never locks a fan
    edit(site / RULES, 'id = "T1"\n', 'id = "T1"\nreaction_ms = 2500\n')
    assert "reaction_ms = 2500" in check(site).problems[0]


def test_who_votes_waits_for_the_slowest_voter(site: Path) -> None:
    vote = """
[[vote]]
name = "v"
area = "heading-1201"
points = ["1201-T1-ch4", "1201-T2-ch4"]
votes = "1oo2"
degraded = "lock"
"""
    with (site / RULES).open("a", encoding="utf-8") as rules:
        rules.write(vote)
    text = (site / GATEWAY).read_text(encoding="utf-8")
    (site / GATEWAY).write_text(set_value(text, "device", "period_ms", 900, name="T2-head"), encoding="utf-8")
    report = check(site)
    assert time_of(report, "1201-T1-ch4").cases[0].worst.period_ms == 900


def test_field_does_not_start_at_a_site_whose_rules_would_act_too_late(site: Path) -> None:
    forty_heads(site, period_ms=6000)
    command = [sys.executable, "-m", "minegate_agent.field", str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "change the period" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_sum_is_written_down_without_what_is_not_there() -> None:
    worst = Worst(500, 41.2, 200, processes_ms=30, output_ms=600 + RELEASE_MS)
    assert worst.total_ms == pytest.approx(1421.2)
    assert worst.sum() == "500 period + 41 line + 200 dead + 30 processes + 650 output"
