"""`check` finds what only shows when both files of a site are read together, each in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minegate_agent.check import Report, check
from minegate_sim.edit import set_value
from minegate_sim.example import example
from minegate_tools.commands.check import shown

GATEWAY, RULES = "gateway.toml", "rules.toml"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The example that ships with the agent."""
    for name in (GATEWAY, RULES):
        (tmp_path / name).write_text((example() / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Replace one text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has lost {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def only(report: Report) -> str:
    (line,) = report.problems
    assert "\n" not in line
    return line


def test_the_example_has_no_problem(site: Path) -> None:
    assert check(site).problems == ()


def test_a_rule_for_a_point_nobody_reads(site: Path) -> None:
    edit(site / RULES, 'point = "1201-T2-ch4"', 'point = "1201-T3-ch4"')
    assert re.search(
        r"rules\.toml: limit of area 'heading-1201': point '1201-T3-ch4' is read by nobody", only(check(site))
    )


def test_a_rule_in_another_unit_than_the_point(site: Path) -> None:
    edit(site / RULES, 'unit = "m/s"', 'unit = "m3/min"')
    assert "unit 'm3/min' is not 'm/s'" in only(check(site))


def test_a_feed_point_nobody_reads(site: Path) -> None:
    edit(site / RULES, 'feed_point = "1201-feed"', 'feed_point = "1201-fed"')
    assert "area 'heading-1201': feed_point '1201-fed' is read by nobody" in only(check(site))


def test_an_output_on_the_line_of_a_port_even_by_another_name(site: Path) -> None:
    (site / "by-path").symlink_to(site / "sim" / "rs485-2")
    text = (site / RULES).read_text(encoding="utf-8")
    name = re.search(r'\[\[output\]\]\s*\nname = "([^"]+)"', text)
    assert name is not None
    (site / RULES).write_text(set_value(text, "output", "device", "by-path", name=name[1]), encoding="utf-8")
    assert "is also port 'rs485-2' of gateway.toml" in only(check(site))


def test_both_files_are_read_even_if_the_first_is_wrong(site: Path) -> None:
    edit(site / GATEWAY, "[gateway]", "[gateways]")
    (site / RULES).write_text("timing = 3", encoding="utf-8")
    report = check(site)
    assert [GATEWAY in report.problems[0], RULES in report.problems[1]] == [True, True]
    assert len(report.problems) == 2


@pytest.mark.parametrize("name", [GATEWAY, RULES])
def test_a_file_that_is_missing_is_named(site: Path, name: str) -> None:
    (site / name).unlink()
    assert str(site / name) in only(check(site))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('password_file = "secret"', "uplink.password_file 'secret': there is no such file"),
        ('tls = {ca = "mine-ca.pem"}', "uplink.tls.ca 'mine-ca.pem': there is no such file"),
        ('tls = {ca = "rules.toml", cert = "rules.toml"}', "uplink.tls: cert and key belong together"),
    ],
)
def test_a_file_that_the_uplink_needs_must_be_there(site: Path, lines: str, told: str) -> None:
    edit(site / GATEWAY, "[uplink]", f"[uplink]\n{lines}")
    assert told in only(check(site))


def test_the_report_shows_what_would_run(site: Path) -> None:
    text = shown(check(site))
    for word in (
        "rs485-1",
        "T1-head",
        "1201-T1-ch4",
        "heading-1201",
        "cut >= 1.5",
        "worst cases",
        "1 dead",
        "silent",
        "interlock killed",
    ):
        assert word in text
