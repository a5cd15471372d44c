"""An output's port belongs to the interlock alone: whatever field opens as well is refused before anything runs.

Two owners of one line would disturb each other's frames; two on one CAN bus share its bandwidth and its short circuit,
and one of them could push the other's OPEN back. A link and its target are one port.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minegate_agent.config import Port
from minegate_agent.site import FILE, Site
from minegate_interlock.output_kinds import CAN_NODE, GPIO, SLCAN, SOCKETCAN, AnyOutput
from minegate_interlock.rules import Rules

_Port = Path | str  # a device by its real path, a network interface by its name


def shared_ports(site: Site, rules: Rules) -> Iterator[str]:
    """One line for each output whose port field or another output has too."""
    field = {owned: port.name for port in site.config.port for owned in _of_field(site.folder, port)}
    taken: dict[_Port, AnyOutput] = {}
    for output in rules.every_output():
        key, said, owned = _of_output(site.folder, output)
        if owned in field:
            yield (
                f"output {output.name!r}: {key} {said!r} is also port {field[owned]!r} of {FILE}; "
                "an output needs a port of its own"
            )
        other = taken.setdefault(owned, output)
        if other is not output and not _may_share(output, other):
            yield f"output {output.name!r}: {key} {said!r} is also that of output {other.name!r}"


def _of_field(folder: Path, port: Port) -> Iterator[_Port]:
    if port.kind == "serial" and "://" not in port.device:
        yield (folder / port.device).resolve()
    elif port.kind == "can" and port.interface == SOCKETCAN:
        yield port.channel
    elif port.kind == "can" and port.channel and "://" not in port.channel:
        yield (folder / port.channel.partition("@")[0]).resolve()


def _of_output(folder: Path, output: AnyOutput) -> tuple[str, str, _Port]:
    """(key, value, port) of what it opens."""
    if output.kind == CAN_NODE and output.interface == SOCKETCAN:
        return "channel", output.channel, output.channel
    if output.kind == GPIO:
        return "chip", output.chip, (folder / output.chip).resolve()
    key, said = ("channel", output.channel) if output.interface == SLCAN else ("device", output.device)
    return key, said, (folder / said).resolve()


def _may_share(one: AnyOutput, other: AnyOutput) -> bool:
    """Nodes of one CAN bus, and different lines of one chip under the same name: rules.toml has told them apart."""
    if one.kind != other.kind:
        return False
    if one.kind == GPIO:
        lines = [{output.line, output.watchdog_line, output.read_back} - {-1} for output in (one, other)]
        return not lines[0] & lines[1]
    return one.kind == CAN_NODE and one.interface == SOCKETCAN == other.interface
