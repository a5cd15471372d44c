"""What drives a GPIO output, says whether a contact follows, and compares command and load: with one comparison, word
or number flipped each is told from the real one by histories. `EQUIVALENT` names what cannot be told apart, and why.
"""

from __future__ import annotations

import ast
import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gpio_panel import BLIND, OUTPUT
from heading import rules
from judge_mutants import mutants
from minegate_interlock import feed, gpio_output, outlet
from minegate_interlock.gpio_output import GpioOutput
from minegate_interlock.lines import Feed
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.outlet import SILENT, UNREAD
from minegate_interlock.rules import Output
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_MISMATCH, CONTACT_OPEN

TIMING = rules().timing
ON_CAN = Output("relay-2", node=9, kind="can-node", interface="socketcan", channel="can1")
STEPS_MS = (0, 1, 10, 50, 50, 50, 50, 99, 100, 149, 150, 151, 199, 200, 249, 250, 251, 300, 549, 550, 551, 600, 601)
LEVELS = (b"", b"\0", b"\1", b"\1\0", b"\0\1")
CONTACTS = (CONTACT_OPEN, CONTACT_CLOSED, CONTACT_MISMATCH, UNREAD, SILENT)
HISTORIES = 60
EQUIVALENT: dict[str, dict[str, tuple[int, str]]] = {
    "gpio_output": {},
    "outlet": {
        "255 -> 256": (1, "SILENT itself: both sides import the one name"),
        "254 -> 255": (1, "UNREAD itself"),
    },
    "feed": {"0 -> 1": (1, "when a point that has said nothing yet was heard: its value is NaN")},
}


@pytest.mark.parametrize("original", [gpio_output, outlet, feed], ids=["gpio_output", "outlet", "feed"])
def test_every_mutant_is_told_from_the_real_one(original: ModuleType) -> None:
    name = original.__name__.rpartition(".")[2]
    assert original.__file__ is not None
    tell = {"gpio_output": gpio_story, "outlet": following_story, "feed": feed_story}[name]
    real = [list(tell(original, seed)) for seed in range(HISTORIES)]
    survivors: Counter[str] = Counter()
    tried = 0
    for what, tree in mutants(Path(original.__file__).read_text(encoding="utf-8")):
        tried += 1
        if not differs(module(tree), tell, real):
            survivors[what.partition(": ")[2]] += 1
    assert tried > 10
    assert survivors == {what: count for what, (count, _) in EQUIVALENT[name].items()}


def differs(mutant: ModuleType, tell: Any, real: list[list[object]]) -> bool:
    for seed, known in enumerate(real):
        try:
            for at, step in enumerate(tell(mutant, seed)):
                if step != known[at]:
                    return True
        except (TypeError, ValueError, IndexError, KeyError):
            return True  # it cannot even be run
    return False


def module(tree: ast.Module) -> ModuleType:
    made = ModuleType("mutant")
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), made.__dict__)
    return made


@cache
def moves(seed: int) -> tuple[tuple[int, bool, bool, bytes, bool], ...]:
    """(now_ms, permitted, urgent, levels heard, is the port lost) of one history."""
    chance = random.Random(seed)
    now_ms, permitted, found = chance.choice((0, 1, 100_000)), False, []
    for _ in range(200):
        now_ms += chance.choice(STEPS_MS if chance.random() < 0.3 else (50,))
        was, permitted = permitted, permitted if chance.random() < 0.93 else not permitted
        follows = b"\1" if was else b"\0"
        heard = follows if chance.random() < 0.8 else chance.choice(LEVELS)
        found.append((now_ms, permitted, was is not permitted or chance.random() < 0.05, heard, chance.random() < 0.01))
    return tuple(found)


def gpio_story(own: ModuleType, seed: int) -> Iterator[object]:
    """What the output says at each step."""
    # line 0 of a chip is a line like the others
    output = (OUTPUT, BLIND, replace(OUTPUT, read_back_closed=0), replace(OUTPUT, read_back=0))[seed % 4]
    gpio = own.GpioOutput(output, TIMING)
    yield gpio.up, gpio.contact, gpio.lease_left_ms, gpio.rebooted, gpio.trouble, gpio.disobeys
    for now_ms, permitted, urgent, heard, gone in moves(seed):
        if gone:
            gpio.lost()
        told = gpio.hear(heard, now_ms)
        up = gpio.check(permitted, now_ms)
        sent = gpio.send(permitted, urgent, now_ms)
        yield told, up, sent, gpio.up, gpio.contact, gpio.lease_left_ms, gpio.trouble, gpio.disobeys


def following_story(own: ModuleType, seed: int) -> Iterator[object]:
    """Whether a contact follows, at each step."""
    chance, following = random.Random(seed), own.Following(TIMING.lease_ms)
    contact = CONTACT_OPEN
    for now_ms, permitted, *_ in moves(seed):
        contact = contact if chance.random() < 0.7 else chance.choice(CONTACTS)
        yield following.differs(permitted, contact, now_ms)


VALUES = (0.0, 0.4, 0.5, 0.6, 1.0, 1.6, math.nan, math.inf, -math.inf)
QUALITIES = (0, 0, 0, 0, 1, 16, 256, 257)


def feed_story(own: ModuleType, seed: int) -> Iterator[object]:
    """What is known of two load sides, what a watch tells, and who is accused."""
    chance = random.Random(seed)
    feeds = own.Feeds(["p", "", "q"], TIMING.feed_check_ms)
    watch = own.FeedWatch("area", "p", TIMING.feed_check_ms)
    state = Feed.UNKNOWN
    for now_ms, permitted, *_ in moves(seed):
        point = chance.choice(("p", "q", "r", ""))
        age_ms = chance.choice((0, 0, 0, 50, 1900, 1999, 2000, 2001))
        feeds.hear(point, chance.choice(VALUES), chance.choice(QUALITIES), now_ms - age_ms)
        state = state if chance.random() < 0.9 else chance.choice(list(Feed))
        yield [feeds.state(name, now_ms + chance.choice((0, 1, 1000))) for name in ("p", "q", "r", "")]
        yield watch.look(state, permitted, "part", now_ms), watch.mismatch
        yield accused(own, chance)


def accused(own: ModuleType, chance: random.Random) -> list[object]:
    """Of outputs in any state."""
    outlets: list[GpioOutput | NodeOutput] = [GpioOutput(OUTPUT, TIMING), NodeOutput(ON_CAN, TIMING, bytes(32))]
    for one in outlets:
        one.contact, one.disobeys = chance.choice(CONTACTS), chance.random() < 0.5
    gpio, node = outlets
    assert isinstance(gpio, GpioOutput)
    assert isinstance(node, NodeOutput)
    gpio.trouble, node._wire.trouble = chance.choice(("", "late")), chance.choice(("", "bus off"))
    permitted, rebooted = chance.random() < 0.5, chance.random() < 0.3
    some = outlets[: chance.choice((1, 2, 2))]
    found: list[object] = [own.suspect(permitted, some), own.suspect(permitted, some[::-1])]
    found += [own.welded(one) for one in outlets]
    return found + [own.lost_part(one, permitted, rebooted) for one in outlets]
