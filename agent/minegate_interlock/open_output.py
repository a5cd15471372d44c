"""From an output of rules.toml to its open port. What only some sites need is imported where they name it."""

from __future__ import annotations

import os

from minegate_interlock.output_kinds import CAN_NODE, GPIO, SLCAN, AnyOutput
from minegate_interlock.serial_line import SerialLine
from minegate_interlock.world import Folder, Line, LineLost


def open_output(output: AnyOutput, folder: Folder) -> Line:
    """Its port; a path is relative to `folder`. Raises LineLost."""
    if output.kind == CAN_NODE:
        return _can(output, folder)
    if output.kind == GPIO:
        return _gpio(output, folder)
    return SerialLine(os.path.join(folder, output.device), output.baud)


def _can(output: AnyOutput, folder: Folder) -> Line:
    if output.interface == SLCAN:
        from minegate_interlock.slcan_line import SlcanLine

        tty = SerialLine(os.path.join(folder, output.channel), output.baud)
        return SlcanLine(tty, output.node, output.bitrate)
    from minegate_interlock.can_line import open_can

    return open_can(output.channel, output.node)


def _gpio(output: AnyOutput, folder: Folder) -> Line:
    try:
        from minegate_interlock.gpio_line import GpioLine, request_lines
    except ImportError as error:
        raise LineLost(f"{output.chip}: the library gpiod is missing: install minegate[gpio]: {error}") from error
    return GpioLine(output, os.path.join(folder, output.chip), request_lines)
