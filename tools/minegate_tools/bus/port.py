"""The arguments that name one port - of a site, or a bare serial line - and how it is opened."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import ConfigError, Port
from minegate_agent.field.can_port import open_can
from minegate_agent.field.message_port import open_messages
from minegate_agent.field.tcp_port import open_line as open_any_line
from minegate_agent.site import SiteDevice, load_site
from minegate_drivers.ports import CanPort, LinePort, MessagePort


class Chosen(NamedTuple):
    """One port, where its relative paths start, and the site's devices on it."""

    port: Port
    folder: Path
    devices: tuple[SiteDevice, ...]


def port_arguments(command: argparse.ArgumentParser) -> None:
    """Take a port: its name in a site, or the path of a serial line with its speed."""
    command.add_argument("port", metavar="PORT", help="a port of the site, or a serial line: /dev/serial/by-path/...")
    command.add_argument("--dir", type=Path, default=Path(), help="the site's folder, if PORT is a name in it")
    command.add_argument("--baud", type=int, default=9600, help="of a serial line that is given by its path")
    command.add_argument("--parity", choices=("N", "E", "O"), default="N")
    command.add_argument("--stop-bits", type=int, choices=(1, 2), default=1)


def chosen(asked: argparse.Namespace) -> Chosen:
    """What the arguments name. Raises ConfigError."""
    if "/" in asked.port:
        port = Port(
            name=Path(asked.port).name or "line", kind="serial", device=asked.port, baud=asked.baud,
            parity=asked.parity, stop_bits=asked.stop_bits,
        )  # fmt: skip
        return Chosen(port, Path(), ())
    site = load_site(asked.dir)
    names = [port.name for port in site.config.port]
    if asked.port not in names:
        raise ConfigError(f"{asked.dir}: port {asked.port!r} is not one of {', '.join(names)}")
    devices = tuple(device for device in site.devices.values() if device.port == asked.port)
    return Chosen(site.config.port[names.index(asked.port)], site.folder, devices)


async def open_line(at: Chosen) -> LinePort:
    """A serial line. Raises PortLost: among others, when the agent holds it."""
    return await open_any_line(at.port, at.folder)


async def open_bus(at: Chosen) -> CanPort:
    """A CAN bus, everything on it."""
    return await open_can(at.port, (), at.folder)


async def open_broker(at: Chosen, topics: Iterable[str]) -> MessagePort:
    """The messages of `topics`; all of them if there are none."""
    return await open_messages(at.port, tuple(topics) or ("#",))
