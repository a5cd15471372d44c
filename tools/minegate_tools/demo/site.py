"""Writes the demo's site folder: the two files of the agent's example, with the addresses of the demo."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NamedTuple

from minegate_agent.site import FILE
from minegate_sim.edit import set_value
from minegate_sim.example import example
from minegate_tools.demo.brokers import HOST, free_port

PAGE_PORT = 8420
POWER_ON_LOCK_S = 5
_WHY_LOCK = "shortened in the demo: nobody wants to watch the 60 s that a mine needs"


class Addresses(NamedTuple):
    """The demo's TCP ports on 127.0.0.1. The gateway's uplink goes to `door`, the broker listens at `broker`."""

    door: int
    broker: int
    underground: int
    page: int  # 0: no page


def addresses(page: bool) -> Addresses:
    """Ports that are free now; the page's own if it can be had."""
    return Addresses(free_port(), free_port(), free_port(), _page_port() if page else 0)


def write(folder: Path, at: Addresses) -> None:
    """Write gateway.toml and rules.toml into `folder`. Raises OSError; ValueError if the example has lost a table."""
    source = example()
    gateway = (source / FILE).read_text(encoding="utf-8")
    gateway = set_value(gateway, "uplink", "host", HOST)
    gateway = set_value(gateway, "uplink", "tcp_port", at.door)
    gateway = set_value(gateway, "port", "host", HOST, name="robots")
    gateway = set_value(gateway, "port", "tcp_port", at.underground, name="robots")
    gateway = set_value(gateway, "page", "enabled", at.page != 0)
    gateway = set_value(gateway, "page", "tcp_port", at.page or PAGE_PORT)
    rules = (source / "rules.toml").read_text(encoding="utf-8")
    rules = set_value(rules, "timing", "power_on_lock_s", POWER_ON_LOCK_S, why=_WHY_LOCK)
    (folder / FILE).write_text(gateway, encoding="utf-8")
    (folder / "rules.toml").write_text(rules, encoding="utf-8")


def _page_port() -> int:
    with socket.socket() as probe:
        return PAGE_PORT if probe.connect_ex((HOST, PAGE_PORT)) != 0 else free_port()
