"""Both files of a site against each other, before anything runs. Every error is one line: file, key, value, limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import ConfigError, Uplink
from minegate_agent.field.plan import LinePlan, plan_site, problems
from minegate_agent.output_ports import shared_ports
from minegate_agent.reaction_times import RuleTime, rule_times, too_slow
from minegate_agent.site import FILE, Site, load_site
from minegate_interlock.rules import Area, Rules, RulesError, load

RULES_FILE = "rules.toml"


class Report(NamedTuple):
    """What `check` found. A site with problems must not be run."""

    problems: tuple[str, ...]
    site: Site | None = None
    areas: tuple[Area, ...] = ()
    limits: tuple[RuleTime, ...] = ()
    lines: tuple[LinePlan, ...] = ()


def check(folder: Path) -> Report:
    """Read and compare the site's two files. Reads nothing else, opens no port."""
    found: list[str] = []
    site = rules = None
    try:
        site = load_site(folder)
    except ConfigError as error:
        found.append(str(error))
    path = folder / RULES_FILE
    try:
        rules = load(path.read_bytes(), str(path))
    except RulesError as error:
        found.append(str(error))
    except OSError as error:
        found.append(f"{path}: {error.strerror}")
    plans = plan_site(site) if site else {}
    found += (f"{folder / FILE}: {line}" for plan in plans.values() for line in problems(plan))
    lines = tuple(plans.values())
    if site is None or rules is None:
        return Report(tuple(found), site, lines=lines)
    found += (f"{path}: {line}" for line in _crossed(site, rules))
    found += (f"{folder / FILE}: {line}" for line in _uplink(site))
    times = rule_times(site, rules, plans)
    found += (f"{folder}: {line}" for line in too_slow(times))
    return Report(tuple(found), site, rules.areas, times, lines)


def admit_times(site: Site) -> None:
    """Raises ConfigError for the first rule that cannot act in time. Rules that cannot be read are the interlock's
    affair: without it power is off.
    """
    path = site.folder / RULES_FILE
    try:
        rules = load(path.read_bytes(), str(path))
    except (RulesError, OSError):
        return
    for line in too_slow(rule_times(site, rules, plan_site(site))):
        raise ConfigError(f"{site.folder}: {line}")


def _crossed(site: Site, rules: Rules) -> Iterator[str]:
    """What rules.toml says that gateway.toml does not bear out."""
    points = {point.name: point for point in site.points}
    for limit in rules.limits:
        point = points.get(limit.point)
        if point is None:
            yield f"limit of area {limit.area!r}: point {limit.point!r} is read by nobody: {FILE} does not have it"
        elif limit.unit != point.field.unit:
            yield (
                f"limit of area {limit.area!r}, point {limit.point!r}: "
                f"unit {limit.unit!r} is not {point.field.unit!r}, in which {FILE} reads it"
            )
    for area in rules.areas:
        if area.feed_point and area.feed_point not in points:
            yield f"area {area.name!r}: feed_point {area.feed_point!r} is read by nobody: {FILE} does not have it"
    yield from shared_ports(site, rules)


def _uplink(site: Site) -> Iterator[str]:
    """Files that an uplink names must be there before the first connection asks for them."""
    names = [uplink.name for uplink in site.config.uplinks]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"uplink: name {name!r} is given twice; each consumer has a watermark of its own"
    for uplink in site.config.uplinks:
        where = "uplink" if len(names) == 1 else f"uplink {uplink.name!r}"
        yield from _uplink_files(site, uplink, where)
        page = site.config.page
        if page.enabled and page.tcp_port == uplink.tcp_port and page.host == uplink.host:
            yield f"page.tcp_port {page.tcp_port}: the {where}'s broker has the same address"


def _uplink_files(site: Site, uplink: Uplink, where: str) -> Iterator[str]:
    tls = uplink.tls
    named = {f"{where}.password_file": uplink.password_file}
    if tls is not None:
        named |= {f"{where}.tls.ca": tls.ca, f"{where}.tls.cert": tls.cert, f"{where}.tls.key": tls.key}
        if bool(tls.cert) != bool(tls.key):
            yield f"{where}.tls: cert and key belong together; only one of them is given"
    for key, value in named.items():
        if value and not (site.folder / value).is_file():
            yield f"{key} {value!r}: there is no such file"
