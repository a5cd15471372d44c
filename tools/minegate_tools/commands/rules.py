"""`minegate rules`: the rules of a site in words with their articles, or as a state machine to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_interlock.rules import Limit, Rules, RulesError, load
from minegate_tools.diagram import diagram, numbers
from minegate_tools.table import table

_ABOUT = """\
Prints every rule of RULES (a rules.toml, or a site's folder) with its numbers, its article and its flag.
--diagram prints the state machine of every area and fan lock as Mermaid, for a page, a README or an inspector.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "rules", help="a site's rules with their articles, or their state machine", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("rules", metavar="RULES", type=Path, nargs="?", default=Path(), help="file or site folder")
    command.add_argument("--diagram", action="store_true", help="Mermaid instead of a table")
    command.add_argument("--lang", choices=("zh", "en"), default="en")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    path = asked.rules / "rules.toml" if asked.rules.is_dir() else asked.rules
    try:
        rules = load(path.read_bytes(), str(path), SystemClock().utc_ms() / 1000)
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 2
    print(diagram(rules, asked.lang) if asked.diagram else shown(rules, asked.lang))
    return 0


def shown(rules: Rules, lang: str) -> str:
    """The table of the rules, and what they stand on."""
    rows = [
        (rule.area, rule.point, numbers(rule, lang), rule.rule or "-", _source(rule)) for rule in rules.every_rule()
    ]
    rows += [(fan.area, ", ".join(fan.points), numbers(fan, lang), fan.rule, fan.source) for fan in rules.fans]
    head = f"rules {rules.hash[:8].hex()}" + (f", edition {rules.edition}" if rules.edition else "")
    return head + "\n\n" + table(("area", "point", "numbers", "rule", "source"), rows)


def _source(rule: object) -> str:
    deviation = rule.deviation if isinstance(rule, Limit) else None
    source: str = rule.source  # type: ignore[attr-defined]  # a Limit or a Watch
    if deviation is None:
        return source
    state = "in force" if deviation.left_ms else "expired"
    return f"{source}; {deviation} ({state})"
