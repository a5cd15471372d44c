"""`minegate probe`: who answers on this line, at which speed and address? Reads only."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from minegate_agent.config import ConfigError, Port
from minegate_agent.field.serial_port import open_serial
from minegate_drivers.ports import PortLost
from minegate_tools.bus.port import Chosen, chosen, port_arguments
from minegate_tools.bus.search import BAUDS, FUNCTIONS, Found, Heard, search, stations_of
from minegate_tools.table import table

_ABOUT = """\
Asks every address at every speed for one Modbus register (functions 3 and 4: it reads, it never writes) and lists who
answers. For a line that is not in use: the agent must not hold the port, and no other master may speak on it.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "probe",
        help="find the devices on a line",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port_arguments(command)
    command.add_argument("--addresses", default="1-247", help="as in 1-20,33; default 1-247")
    command.add_argument("--bauds", default=",".join(map(str, BAUDS)), help="speeds to try, the likeliest first")
    command.add_argument("--parities", default="N", help="as in N,E,O; default N")
    command.add_argument("--wait-ms", type=float, default=60.0, help="for each answer, besides the wire's own time")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        at = chosen(asked)
        if at.port.kind != "serial":
            raise ConfigError(f"port {at.port.name!r} is not a serial line")
        stations = stations_of(asked.addresses)
        speeds = [
            _speed(at.port, baud, parity) for parity in asked.parities.split(",") for baud in asked.bauds.split(",")
        ]
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        found = asyncio.run(_search(at, speeds, stations, asked.wait_ms))
    except PortLost as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    print(shown(found) or "nobody answered")
    return 0 if any(isinstance(one, Found) for one in found) else 1


def _speed(port: Port, baud: str, parity: str) -> Port:
    try:
        return msgspec.convert({**msgspec.to_builtins(port), "parity": parity, "baud": int(baud)}, Port)
    except (ValueError, msgspec.ValidationError) as error:
        raise ValueError(f"speed {baud!r} {parity!r}: {error}") from error


def shown(found: list[Found | Heard]) -> str:
    """The list for a person."""
    answers = [one for one in found if isinstance(one, Found)]
    rows = ((one.station, one.baud, one.parity, *one.says) for one in answers)
    head = ("address", "baud", "parity", *(f"function {function}, register 0" for function in FUNCTIONS))
    noisy = sorted({(one.baud, one.parity) for one in found if isinstance(one, Heard)})
    hint = "\n".join(
        f"at {baud} {parity} something spoke that is no answer: another speed, two masters, or a bad line"
        for baud, parity in noisy
    )
    return "\n\n".join(text for text in (table(head, rows), hint) if text)


async def _search(at: Chosen, speeds: list[Port], stations: list[int], wait_ms: float) -> list[Found | Heard]:
    found: list[Found | Heard] = []
    with _progress(len(speeds) * len(stations)) as advance:
        for port in speeds:
            line = await open_serial(port, at.folder)
            try:
                tried = partial(advance, port)
                found += [one async for one in search(line, port, stations, wait_ms, tried)]
            finally:
                line.close()
    return found


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Port, int], None]]:
    """A bar on a terminal, with the extra `terminal` installed; a line per speed otherwise."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        Progress = None  # type: ignore[assignment,misc]  # noqa: N806 - the name of the class that is not there
    if Progress is None or not sys.stderr.isatty():
        said: set[tuple[int, str]] = set()

        def say(port: Port, station: int) -> None:
            if (port.baud, port.parity) not in said:
                said.add((port.baud, port.parity))
                print(f"asking at {port.baud} {port.parity}", file=sys.stderr)

        yield say
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda port, station: bar.update(
            task, advance=1, description=f"{port.baud} {port.parity} address {station}"
        )
