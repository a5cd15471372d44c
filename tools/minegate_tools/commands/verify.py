"""`minegate verify`: shows that no record of a site's journal was changed, put in or taken out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minegate_agent.config import ConfigError, load
from minegate_agent.link.proof import lines, prove
from minegate_agent.link.signing import BadKey, public_key
from minegate_agent.site import FILE
from minegate_tools.commands.site import folder_argument
from minegate_tools.progress import parts_of

_ABOUT = """\
Follows the hash chain through the whole journal of a site and compares it with every segment header and every signed
anchor. Reads only, and works beside a running site. The exit code is 1 if anything is not as it was written.

The gateway's public key must come from somewhere else than the gateway: with --key, only what that key signed counts.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "verify",
        help="show that nothing in a journal was changed",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments(command)


def arguments(command: argparse.ArgumentParser) -> None:
    """Also those of `minegate journal verify`."""
    folder_argument(command)
    command.add_argument("--key", metavar="FILE", type=Path, help="the gateway's public key, 64 hex digits")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        config, _ = load(asked.dir / FILE)
        key = public_key(asked.key) if asked.key else None
        folder = asked.dir / config.journal.folder
        total = sum(path.stat().st_size for path in folder.glob("*.seg"))
        with parts_of("verify", total) as on_record:
            proof = prove(folder, config.gateway.mine, config.gateway.id, key, on_record=on_record)
    except (ConfigError, BadKey) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines(proof)))
    return 1 if proof.findings else 0
