"""A line is computed before it is opened: what does not fit is refused, what is promised holds when it is played."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from line_work import Stage, answering, head, line_port
from minegate_agent.config import Config, ConfigError, Device, Gateway, Port
from minegate_agent.field.plan import admit, plan_line, problems
from minegate_agent.site import Site, SiteDevice
from virtual_line import in_virtual_time


@pytest.mark.parametrize(
    ("baud", "parity", "turnaround_ms", "expected"),
    [  # 8 + 14 bytes, and two silences
        (9600, "N", 0, 22 * 10 / 9.6 + 2 * 3.5 * 10 / 9.6),
        (9600, "E", 0, 22 * 11 / 9.6 + 2 * 3.5 * 11 / 9.6),
        (2400, "N", 0, 22 * 10 / 2.4 + 2 * 3.5 * 10 / 2.4),
        (115_200, "N", 0, 22 * 10 / 115.2 + 2 * 1.75),
        (115_200, "N", 20, 22 * 10 / 115.2 + 1.75 + 20),
    ],
)
def test_a_poll_takes_its_bytes_and_its_silences(baud: int, parity: str, turnaround_ms: float, expected: float) -> None:
    plan = plan_line(line_port(baud=baud, parity=parity, turnaround_ms=turnaround_ms), [head(1)])
    assert plan.polls[0].poll_ms == pytest.approx(expected)
    assert plan.use == pytest.approx(expected / 500)


def test_a_line_that_is_asked_for_more_than_its_time_is_refused_by_name() -> None:
    plan = plan_line(line_port(), [head(number, period_ms=300) for number in range(1, 11)] + [head(11, period_ms=100)])
    (problem,) = problems(plan)
    assert problem == (
        "port 'line': 131% of its time at 9600 baud is asked for, 100% is the limit; "
        "device 'd11' with period_ms 100 takes 30%, 30.2 ms each time"
    )


def test_a_deadline_that_the_line_cannot_keep_is_refused_with_device_period_and_limit() -> None:
    plan = plan_line(line_port(), [head(number, period_ms=1000) for number in range(1, 9)] + [head(9, deadline_ms=100)])
    (problem,) = problems(plan)
    assert problem == (
        "port 'line', device 'd9': period_ms 500: the answer can come 272 ms after it is due, deadline_ms is 100; "
        "a round of this line takes 272 ms at 9600 baud"
    )


def test_a_higher_class_keeps_a_deadline_that_a_lower_one_could_not() -> None:
    others = [head(number, period_ms=1000) for number in range(1, 9)]
    assert problems(plan_line(line_port(), [*others, head(9, deadline_ms=100, job="trip")])) == []


def test_field_refuses_a_site_whose_line_cannot_hold(tmp_path: Path) -> None:
    port = line_port()
    devices = {number: head(number, period_ms=100) for number in range(1, 6)}
    config = Config(
        gateway=Gateway(mine="1", id="g"), port=[port], device=[d.config for d in devices.values()], point=[]
    )
    with pytest.raises(ConfigError, match=r"gateway\.toml: port 'line': 151% of its time at 9600 baud"):
        admit(Site(tmp_path, config, "", devices, ()))


def devices_of(kind: str) -> list[SiteDevice]:
    if kind == "equal":
        return [head(number, timeout_ms=150) for number in range(1, 13)]
    if kind == "full":  # 97 % of the line
        return [head(number, timeout_ms=150) for number in range(1, 17)]
    if kind == "eager":
        return [head(number, period_ms=700, timeout_ms=150) for number in range(1, 17)]
    if kind == "eager mixed":
        own = [head(number, period_ms=900, timeout_ms=150) for number in range(1, 11)]
        return [*own, head(11, period_ms=200, timeout_ms=100), head(12, period_ms=400, timeout_ms=60, job="trip")]
    mixed = [head(number, period_ms=400 + 130 * number, timeout_ms=100) for number in range(1, 9)]
    return [*mixed, head(9, period_ms=200, timeout_ms=60, job="trip"), head(10, period_ms=3000, job="background")]


@pytest.mark.parametrize("kind", ["equal", "mixed", "full", "eager", "eager mixed"])
@pytest.mark.parametrize("dead", [set(), {2}, {2, 5}])
def test_no_reading_becomes_older_than_the_plan_says(kind: str, dead: set[int]) -> None:
    """The dead die while the line runs, all at the worst moment: together."""

    async def play() -> None:
        port = line_port(eager="eager" in kind)
        devices = devices_of(kind)
        plan = plan_line(port, devices)
        silent: set[int] = set()
        # the longest answer that the plan reckons with: the device's own silence, then its bytes
        stage = Stage(devices, answering(silent, delay_ms=3.5 * 10 / 9.6), port)

        async def die() -> None:
            await asyncio.sleep(20.013)
            silent.update(dead)

        await stage.play(40, die)
        for device in devices:
            if device.number not in dead:
                promised_ms = plan.ages_ms[device.number][len(dead)]
                assert stage.ears.longest_ms(device.number, from_ms=3000) <= promised_ms

    in_virtual_time(play())


@pytest.mark.parametrize("key", ["turnaround_ms", "gap_ms"])
@pytest.mark.parametrize("value", [-1, 1001])
def test_a_silence_outside_its_limits_is_no_port(key: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert({"name": "p", "kind": "serial", key: value}, Port)
    with pytest.raises(msgspec.ValidationError, match="job"):
        msgspec.convert({"number": 1, "name": "d", "port": "p", "driver": "x", "job": "later"}, Device)
