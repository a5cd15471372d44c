"""The keys of the nodes, a file each beside the rules. Without it nothing starts, or PERMITs would be plain."""

from __future__ import annotations

import os
from collections.abc import Iterable

from minegate_interlock.node_output import NodeOutput
from minegate_interlock.outlet import Outlet
from minegate_interlock.rules import RulesError
from minegate_interlock.world import Folder
from minegate_wire.siphash import KEY_BYTES


def use_keys(outlets: Iterable[Outlet], folder: Folder) -> None:
    """Give every node that has a `key_file` its key. RulesError names output, file and trouble, never the key."""
    for one in outlets:
        if isinstance(one, NodeOutput) and one.output.key_file:
            one.use_key(_key(one.output.name, os.path.join(folder, one.output.key_file)))


def _key(output: str, path: str) -> bytes:
    where = f"output {output!r}: key_file {path}"
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{where}: {error}") from error
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise RulesError(f"{where}: not {2 * KEY_BYTES} hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise RulesError(f"{where}: {len(key)} bytes are not {KEY_BYTES}")
    return key
