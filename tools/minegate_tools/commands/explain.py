"""`minegate explain`: what happened at a cut, told from the journal alone, in Chinese or English."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError
from minegate_agent.link.inspection import inspect
from minegate_agent.link.records import EVENT, BadBody, decode_event
from minegate_agent.link.store.reader import Record
from minegate_agent.site import Site, load_site
from minegate_interlock.rules import Rules, RulesError, load
from minegate_tools.explained import Numbered, Place, Story, find, told

_ABOUT = """\
Reads the journal of a site, also while it runs, and changes nothing. EVENT is the sequence of an event in the journal;
left out, the newest cut or lock is told. Says which reading, which rule and article, which limit, what was commanded,
what the contact did, how long it took, and what must happen for release.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "explain", help="what happened at a cut, from the journal", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("event", metavar="EVENT", type=int, nargs="?", help="sequence in the journal")
    command.add_argument("--dir", metavar="DIR", type=Path, default=Path(), help="the site's folder")
    command.add_argument("--lang", choices=("zh", "en"), default="en")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        site = load_site(asked.dir)
        story = find(events(site.folder / site.config.journal.folder), asked.event)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if story is None:
        what = "no cut and no lock" if asked.event is None else f"no event {asked.event} of the interlock"
        print(f"{asked.dir}: {what} in the journal", file=sys.stderr)
        return 1
    print(told(story, _rules(asked.dir / "rules.toml"), place_of(site, story), asked.lang))
    return 0


def events(folder: Path) -> Iterator[Numbered]:
    """The interlock's events of a journal, oldest first. Raises OSError."""
    for seen in inspect(folder):
        if isinstance(seen, Record) and seen.klass == EVENT:
            try:
                event = decode_event(seen.body)
            except BadBody:
                continue
            if event["from"] == "interlock":
                yield Numbered(seen.sequence, event)


def place_of(site: Site, story: Story) -> Place:
    """Where the point of the story is, in words, and the unit it is read in."""
    name = str(story.event.get("point", ""))
    point = next((point for point in site.points if point.name == name), None)
    return Place(point.config.place_zh, point.config.place_en, point.field.unit) if point else Place("", "", "")


def _rules(path: Path) -> Rules | None:
    try:
        return load(path.read_bytes(), str(path), SystemClock().utc_ms() / 1000)
    except (OSError, RulesError):
        return None  # the story says that the rules of then are not there
