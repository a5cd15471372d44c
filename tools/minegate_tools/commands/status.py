"""`minegate status`: what a running site sees now."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from minegate_agent.config import ConfigError
from minegate_tools.commands.site import folder_argument, run_folder
from minegate_tools.live import Document, NotRunning, document
from minegate_tools.table import table

_ABOUT = """\
Shows areas, points, devices, delivery and the newest events of a running site. The exit code is 1 if nobody answers.
"""
EVENTS_SHOWN = 8
WATCH_S = 1.0
_CLEAR = "\x1b[H\x1b[2J"


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("status", help="what a running site sees now", description=_ABOUT)
    folder_argument(command)
    command.add_argument("--json", action="store_true", help="the whole status document, as the page gets it")
    command.add_argument("--watch", action="store_true", help="again each second, until Ctrl-C")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        sockets = run_folder(asked.dir)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    pause = threading.Event()  # never set: a wait that Ctrl-C ends
    try:
        while True:
            now = document(sockets)
            text = json.dumps(now, ensure_ascii=False) if asked.json else shown(now)
            print(_CLEAR + text if asked.watch and sys.stdout.isatty() else text, flush=True)
            if not asked.watch:
                return 0
            pause.wait(WATCH_S)
    except NotRunning as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def shown(now: Document) -> str:
    """The document for a person at a terminal."""
    return "\n\n".join(
        text
        for text in (
            _areas(now),
            _reactions(now),
            _ticks(now),
            _points(now),
            _lines(now),
            _devices(now),
            _delivery(now),
            _events(now),
        )
        if text
    )


def _areas(now: Document) -> str:
    rows = (
        (
            area["area"],
            area.get("state", "unknown"),
            area.get("cause", ""),
            area.get("point", ""),
            _number(area.get("value")),
            _number(area.get("limit")),
            area.get("contact", ""),
            area.get("feed", ""),
            "yes" if area.get("restorable") else "no",
        )
        for area in now.get("areas", ())
    )
    return table(("area", "power", "cause", "point", "value", "limit", "contact", "feed", "can be reset"), rows)


def _reactions(now: Document) -> str:
    """From the reading that decided, whole on its line, to the contact read back open."""
    rows = (
        (
            row.get("output", ""),
            row.get("point") or "(silence, fault, person)",
            row.get("cuts", ""),
            f"{row.get('p50_ms')} / {row.get('p99_ms')}",
            row.get("worst_ms", ""),
        )
        for row in now.get("reactions", ())
    )
    return table(("output", "decided by", "cuts", "open within ms 50/99 %", "worst ms"), rows)


def _ticks(now: Document) -> str:
    ticks = now.get("ticks") or {}
    if ticks.get("late_worst_ms") is None:
        return ""
    return f"interlock: ticks at most {ticks['late_worst_ms']} ms late, 99 % of them within {ticks['late_p99_ms']} ms"


def _points(now: Document) -> str:
    rows = (
        (
            point["name"],
            point.get("place_zh", ""),
            _number(point.get("value")),
            point.get("unit", ""),
            " ".join(point.get("quality") or ()) or "good",
            _age(point.get("age_ms")),
        )
        for point in now.get("points", ())
    )
    return table(("point", "地点", "value", "unit", "quality", "age"), rows)


def _devices(now: Document) -> str:
    rows = (
        (
            device["name"],
            "answers" if device.get("up") else "silent",
            device.get("answered", ""),
            device.get("timeouts", ""),
            _times(device),
            _number(device.get("timeout_ms")),
        )
        for device in now.get("devices", ())
    )
    return table(("device", "", "answered", "time-outs", "answer ms 50/99 %", "waited for ms"), rows)


def _lines(now: Document) -> str:
    rows = (
        (
            line["name"],
            {True: "open", False: "LOST"}.get(line.get("up"), ""),
            (line.get("bus") or {}).get("state", ""),
            "" if line.get("utilisation") is None else f"{line['utilisation']:.0%}",
            line.get("timeouts", ""),
            sum((line.get("nonsense") or {}).values()),
            " ".join(f"{name} {count}" for name, count in _strays(line)),
            line.get("dropped", ""),
            _times(line),
            " ".join(line.get("suspects") or ()),
        )
        for line in now.get("lines", ())
    )
    head = ("port", "", "bus", "use", "time-outs", "bad", "strays", "dropped", "answer ms 50/99 %", "suspects")
    return table(head, rows)


def _strays(line: Document) -> list[tuple[str, object]]:
    """What was heard and was no answer; on a CAN bus also what its messages' own counters say."""
    bus = line.get("bus") or {}
    counted = [(name, bus[name]) for name in ("missed", "repeated") if bus.get(name)]
    return [*(line.get("strays") or {}).items(), *counted]


def _times(row: Document) -> str:
    if row.get("answer_ms_p50") is None:
        return ""
    return f"{_number(row['answer_ms_p50'])} / {_number(row.get('answer_ms_p99'))}"


def _delivery(now: Document) -> str:
    delivery = now.get("delivery") or {}
    words = "connected" if delivery.get("connected") else "NOT connected"
    return (
        f"uplink {words}; journal {delivery.get('last', '?')}, confirmed {delivery.get('confirmed', '?')}, "
        f"waiting {delivery.get('waiting', '?')}{_written(delivery.get('written') or {})}"
    )


def _written(written: Document) -> str:
    """What the flash has to bear since link started."""
    if not written.get("readings"):
        return ""
    thinned = f", {written['thinned']} readings thinned" if written.get("thinned") else ""
    return f"\nwritten {written['bytes']} bytes, {written['bytes_each']} for each reading{thinned}"


def _events(now: Document) -> str:
    rows = (
        (event.get("kind", ""), event.get("from", ""), event.get("area") or event.get("device") or "", _about(event))
        for event in list(now.get("events", ()))[:EVENTS_SHOWN]
    )
    return table(("event", "from", "at", ""), rows)


def _about(event: Document) -> str:
    told = ("point", "value", "limit", "cause", "by", "reason", "count", "port")
    return " ".join(f"{key}={_number(event[key])}" for key in told if event.get(key) not in (None, "", "none"))


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _age(age_ms: object) -> str:
    return f"{age_ms / 1000:.1f} s" if isinstance(age_ms, int | float) else "never heard"
