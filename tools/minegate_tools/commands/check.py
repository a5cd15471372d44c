"""`minegate check`: both files of a site against each other, and how fast every limit cuts in the worst case."""

from __future__ import annotations

import argparse
import sys

from minegate_agent.check import Report, check
from minegate_agent.worst_case import SILENT, Loss, Worst, loss_ms
from minegate_tools.commands.site import folder_argument
from minegate_tools.table import table

_ABOUT = """\
Reads gateway.toml and rules.toml of a site, tells every error in one line, and shows what would run. Starts nothing.
The worst-case time of a rule is the sum of what can pass between an over-limit at the sensor and the open contact: the
device's period, whatever its line carries first, the time-outs of one or two neighbours that have just died, the port,
the way through the processes, and the relay node's lease, should its OPEN be lost; and if the sensor falls silent at
that moment, the silence that its rule endures. AQ 6201 allows 2 s. A rule that can be slower than its reaction_ms is an
error that names the term to change, and so is a line that cannot keep its devices' periods.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "check",
        help="is the configuration right, and how fast does it cut?",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder_argument(command)
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    report = check(asked.dir)
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if report.site is not None:
        print(shown(report))
    if report.problems:
        print(f"{len(report.problems)} error(s); `minegate run` will refuse this site", file=sys.stderr)
        return 2
    return 0


def shown(report: Report) -> str:
    """The report as tables."""
    titles = (
        "ports", "devices", "lines: how old a reading can become before the next one is in", "points", "areas",
        "rules", "worst cases, from the over-limit at the sensor to the open contact, in milliseconds",
        "losses, and how long the contact can stay closed after each, in milliseconds",
    )  # fmt: skip
    tables = (
        _ports(report), _devices(report), _lines(report), _points(report), _areas(report), _limits(report),
        _times(report), _losses(report),
    )  # fmt: skip
    return "\n\n".join(f"{title}\n{text}" for title, text in zip(titles, tables, strict=True) if text)


def _ports(report: Report) -> str:
    assert report.site is not None
    plans = {plan.port.name: plan for plan in report.lines}
    rows = (
        (
            port.name,
            port.kind,
            port.device or f"{port.interface}{port.channel and ':' + port.channel}{port.host}",
            f"{plans[port.name].use:.0%}" if port.name in plans else "",
            f"{plans[port.name].cycle_ms:.0f} ms" if port.name in plans else "",
        )
        for port in report.site.config.port
    )
    return table(("port", "kind", "at", "use", "one round"), rows)


def _lines(report: Report) -> str:
    rows = (
        (
            plan.port.name,
            poll.name,
            poll.job.name.lower(),
            f"{poll.ask_bytes} + {poll.answer_bytes}",
            f"{poll.poll_ms:.1f}",
            f"{poll.share:.1%}",
            *(f"{age_ms:.0f}" for age_ms in plan.ages_ms[poll.number]),
        )
        for plan in report.lines
        for poll in plan.polls
    )
    head = ("port", "device", "job", "bytes", "poll ms", "use", "oldest ms", "1 dead", "2 dead")
    return table(head, rows)


def _devices(report: Report) -> str:
    assert report.site is not None
    rows = (
        (device.number, device.name, device.config.title_zh, device.config.driver, device.port, device.config.period_ms)
        for device in report.site.devices.values()
    )
    return table(("no", "device", "名称", "driver", "port", "period ms"), rows)


def _points(report: Report) -> str:
    assert report.site is not None
    names = {device.number: device.name for device in report.site.devices.values()}
    rows = (
        (
            point.number,
            point.name,
            point.config.place_zh,
            names[point.device],
            point.field.name,
            point.field.unit,
            _range(point.field.low, point.field.high),
        )
        for point in report.site.points
    )
    return table(("no", "point", "地点", "device", "field", "unit", "range"), rows)


def _range(low: float | None, high: float | None) -> str:
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"


def _areas(report: Report) -> str:
    rows = ((area.name, area.title_zh, ", ".join(area.outputs), area.feed_point) for area in report.areas)
    return table(("area", "名称", "outputs", "feed state"), rows)


def _limits(report: Report) -> str:
    rows = ((limit.area, limit.point, limit.words) for limit in report.limits)
    return table(("area", "point", "rule"), rows)


def _times(report: Report) -> str:
    """One line per path and case: every term of the sum, the sum, and what is allowed."""
    rows = (
        (
            *((limit.area, limit.point) if not at else ("", "")),
            case.name,
            *(f"{part:.0f}" if part else "" for part in case.worst),
            f"{case.worst.total_ms:.0f}",
            f"{limit.limit_ms}" if case.worst.total_ms <= limit.limit_ms else f"{limit.limit_ms} TOO SLOW",
        )
        for limit in report.limits
        for at, case in enumerate(limit.cases)
    )
    head = (
        "area", "point", "case", "period", "line", "dead", "port", "silence", "processes", "tick", "output",
        "sum ms", "allowed",
    )  # fmt: skip
    return table(head, rows)


def _losses(report: Report) -> str:
    """What is lost, and how long an area's contact can stay closed after it."""
    silent: dict[str, list[Worst]] = {}
    for limit in report.limits:
        for case in limit.cases:
            if case.name == SILENT:
                silent.setdefault(limit.area, []).append(case.worst)
    rows = (
        (area, *(f"{max(loss_ms(loss, worst) for worst in worsts):.0f}" for loss in Loss))
        for area, worsts in silent.items()
    )
    return table(("area", *(loss.value for loss in Loss)), rows)
