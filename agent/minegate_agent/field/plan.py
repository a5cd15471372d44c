"""What a serial line will do, computed before it is opened: wire times, use, and how old each reading can become. Pure.

The line is a single machine that is never interrupted: a poll that has begun ends. So the time from "due" to "answered"
is bounded by the classic sum: the longest poll of a lower class that has just begun, every poll of a higher class that
may come first, each other device of the own class once, and the own. Once, because inside a class the one that is due
longest goes first, and whoever was asked meanwhile is due later (schedule.py). On an eager line nobody waits to become
due, so a reading is never older than one round. A device that has just died costs its whole `timeout_ms` besides.
A configuration that cannot hold is refused, because a reading that is always late is a sensor that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from minegate_agent.config import ConfigError, Port
from minegate_agent.field.schedule import JOBS, Job
from minegate_agent.field.wire_time import gap_ms, quiet_ms, wire_ms
from minegate_agent.site import Site, SiteDevice
from minegate_drivers.sdk import LineDriver

FRAME_BYTES = 10  # what an answer carries besides its record, at most (Modbus RTU: 5; wire frame: 10)
DEAD_SHOWN = (0, 1, 2)
_ASK_BYTES = 8  # of a driver that has nothing to ask yet
_ROUNDS_MAX = 1000
_NEVER_MS = 1e8  # beyond the longest period that can be configured


class Poll(NamedTuple):
    """One device's question and answer on its line. Times in milliseconds."""

    number: int
    name: str
    job: Job
    period_ms: float
    deadline_ms: float
    ask_bytes: int
    answer_bytes: int
    poll_ms: float  # with the silences
    dead_ms: float  # asked, and waited for in vain

    @property
    def share(self) -> float:
        """The part of the line's time that it needs."""
        return self.poll_ms / self.period_ms


class LinePlan(NamedTuple):
    """The line of one port. `ages_ms[number]` is how old a reading can become with 0, 1, 2 devices just dead, and
    `waits_ms[number]` the part of it from due to answered.
    """

    port: Port
    polls: tuple[Poll, ...]
    ages_ms: dict[int, tuple[float, ...]]
    waits_ms: dict[int, tuple[float, ...]]

    @property
    def use(self) -> float:
        """The part of the line's time that all polls need. Above 1 nothing holds."""
        return sum(poll.share for poll in self.polls)

    @property
    def cycle_ms(self) -> float:
        """Every device asked once."""
        return sum(poll.poll_ms for poll in self.polls)

    def answer_ms(self, number: int, dead: int = 0) -> float:
        """From due to answered, at most, with so many others just dead; infinite if it cannot be kept."""
        return self.waits_ms[number][dead]

    def poll(self, number: int) -> Poll:
        """That of device `number`."""
        return next(poll for poll in self.polls if poll.number == number)

    def dead(self, number: int, count: int) -> tuple[Poll, ...]:
        """The `count` neighbours of device `number` whose death costs it most."""
        return _costliest([poll for poll in self.polls if poll.number != number])[:count]


def plan_line(port: Port, devices: Iterable[SiteDevice]) -> LinePlan:
    """The plan of a serial port with those of `devices` that are asked."""
    polls = tuple(_poll(port, device) for device in devices if isinstance(device.driver, LineDriver))
    waits = {poll.number: tuple(_answer_ms(poll, polls, dead) for dead in DEAD_SHOWN) for poll in polls}
    ages = {
        poll.number: tuple(
            min(poll.period_ms + waits[poll.number][dead], _round_ms(poll, polls, dead) if port.eager else float("inf"))
            for dead in DEAD_SHOWN
        )
        for poll in polls
    }
    return LinePlan(port, polls, ages, waits)


def plan_site(site: Site) -> dict[str, LinePlan]:
    """The plans of every serial port, by name."""
    return {
        port.name: plan_line(port, (device for device in site.devices.values() if device.port == port.name))
        for port in site.config.port
        if port.kind == "serial"
    }


def problems(plan: LinePlan) -> list[str]:
    """Why this line cannot hold what its devices ask for; empty if it can."""
    name = plan.port.name
    if not plan.use <= 1.0:
        greedy = max(plan.polls, key=lambda poll: poll.share)
        return [
            f"port {name!r}: {plan.use:.0%} of its time at {plan.port.baud} baud is asked for, 100% is the limit; "
            f"device {greedy.name!r} with period_ms {greedy.period_ms:g} takes {greedy.share:.0%}, "
            f"{greedy.poll_ms:.1f} ms each time"
        ]
    found = []
    for poll in plan.polls:
        answer_ms = plan.answer_ms(poll.number)
        if not answer_ms <= poll.deadline_ms:
            found.append(
                f"port {name!r}, device {poll.name!r}: period_ms {poll.period_ms:g}: the answer can come "
                f"{answer_ms:.0f} ms after it is due, deadline_ms is {poll.deadline_ms:g}; "
                f"a round of this line takes {plan.cycle_ms:.0f} ms at {plan.port.baud} baud"
            )
    return found


def admit(site: Site) -> None:
    """Raises ConfigError for the first line that cannot hold."""
    for plan in plan_site(site).values():
        for problem in problems(plan):
            raise ConfigError(f"{site.folder / 'gateway.toml'}: {problem}")


def _poll(port: Port, device: SiteDevice) -> Poll:
    driver, config = device.driver, device.config
    assert isinstance(driver, LineDriver)
    ask_bytes = len(driver.ask(0) or b"") or _ASK_BYTES
    answer_bytes = max(layout.size for layout in driver.layouts) + FRAME_BYTES
    silences_ms = gap_ms(port) + quiet_ms(port, config)  # the device's before it answers, ours before the next request
    return Poll(
        number=device.number,
        name=device.name,
        job=JOBS[config.job],
        period_ms=config.period_ms,
        deadline_ms=config.period_ms if config.deadline_ms is None else config.deadline_ms,
        ask_bytes=ask_bytes,
        answer_bytes=answer_bytes,
        poll_ms=wire_ms(port, ask_bytes + answer_bytes) + silences_ms,
        # the time-out runs from when the answer should have been whole (exchange.py)
        dead_ms=wire_ms(port, ask_bytes + answer_bytes) + config.timeout_ms + quiet_ms(port, config),
    )


def _answer_ms(poll: Poll, polls: Sequence[Poll], dead: int) -> float:
    """From due to answered when the `dead` costliest others have just died."""
    costs = _costs(poll, polls, dead)
    blocked_ms = max((cost_ms for other, cost_ms in costs if other.job > poll.job), default=0.0)
    equal_ms = sum(cost_ms for other, cost_ms in costs if other.job == poll.job)
    first = [(other.period_ms, cost_ms) for other, cost_ms in costs if other.job < poll.job]
    return _settled_ms(poll.poll_ms + blocked_ms + equal_ms, first)


def _round_ms(poll: Poll, polls: Sequence[Poll], dead: int) -> float:
    """From answer to answer on an eager line: everybody once, and again whoever becomes due in that time."""
    others = [(other.period_ms, cost_ms) for other, cost_ms in _costs(poll, polls, dead)]
    return _settled_ms(poll.poll_ms, others)


def _costs(poll: Poll, polls: Sequence[Poll], dead: int) -> list[tuple[Poll, float]]:
    others = _costliest([other for other in polls if other is not poll])
    died = [(other, max(other.dead_ms, other.poll_ms)) for other in others[:dead]]
    return died + [(other, other.poll_ms) for other in others[dead:]]


def _costliest(polls: Sequence[Poll]) -> tuple[Poll, ...]:
    return tuple(sorted(polls, key=lambda poll: poll.poll_ms - poll.dead_ms))


def _settled_ms(own_ms: float, first: Sequence[tuple[float, float]]) -> float:
    """The least time in which `own_ms` and everything of `first` (period, cost) that comes meanwhile is done."""
    time_ms = own_ms + sum(cost_ms for _, cost_ms in first)
    for _ in range(_ROUNDS_MAX):
        next_ms = own_ms + sum(ceil(time_ms / period_ms) * cost_ms for period_ms, cost_ms in first)
        if next_ms <= time_ms:
            return time_ms
        if next_ms > _NEVER_MS:
            break
        time_ms = next_ms
    return float("inf")
