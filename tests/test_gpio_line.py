"""The port of a GPIO output: what is asked of the library, and a process that looks at levels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gpiod.line import Bias, Direction, Edge, Value

from gpio_panel import BLIND, LINE, OUTPUT, READ_BACK, WATCHDOG, Chip
from heading import EXAMPLE, rules
from minegate_interlock.gpio_line import GpioLine, request_lines, settings
from minegate_interlock.gpio_output import GpioOutput
from minegate_interlock.open_output import open_output
from minegate_interlock.outlet import SILENT, UNREAD
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.process import Process
from minegate_interlock.world import LineLost, World
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_OPEN


def test_lines_are_asked_low_and_the_read_back_is_pulled_to_open() -> None:
    asked = settings(OUTPUT)
    for line in (LINE, WATCHDOG):
        assert (asked[line].direction, asked[line].output_value) == (Direction.OUTPUT, Value.INACTIVE)
        assert not asked[line].active_low
    assert asked[READ_BACK].direction is Direction.INPUT
    assert (asked[READ_BACK].bias, asked[READ_BACK].edge_detection) == (Bias.PULL_DOWN, Edge.BOTH)
    assert settings(replace(OUTPUT, read_back_closed=0))[READ_BACK].bias is Bias.PULL_UP
    assert set(settings(BLIND)) == {LINE, WATCHDOG}


def test_levels_are_driven_together_and_the_read_back_is_the_level_of_now() -> None:
    chip = Chip()
    line = GpioLine(OUTPUT, "/dev/gpiochip0", chip.request)
    assert line.fd == chip.fd
    line.write(b"\1\1")
    assert (chip.levels[LINE], chip.levels[WATCHDOG]) == (Value.ACTIVE, Value.ACTIVE)
    assert line.read() == b"\0"
    chip.move(READ_BACK, Value.ACTIVE)
    assert line.read() == b"\1"
    assert not chip.wait_edge_events(0)  # its word was taken, so the selector sleeps again
    line.write(b"")
    assert chip.levels[LINE] is Value.ACTIVE
    line.forget_waiting()
    line.close()
    assert (chip.levels[LINE], chip.levels[WATCHDOG], chip.released) == (Value.INACTIVE, Value.INACTIVE, True)


def test_an_unread_line_says_what_it_is_driven_to_so_that_the_chip_is_known_to_live() -> None:
    chip = Chip()
    line = GpioLine(BLIND, "/dev/gpiochip0", chip.request)
    line.write(b"\1\0")
    gpio = GpioOutput(BLIND, rules().timing)
    assert gpio.hear(line.read(), 0)
    assert gpio.check(True, 10)
    assert gpio.contact == UNREAD
    line.close()


def test_a_chip_that_is_gone_loses_the_line_and_is_given_back() -> None:
    chip = Chip()
    line = GpioLine(OUTPUT, "/dev/gpiochip0", chip.request)
    chip.gone = OSError(19, "No such device")
    with pytest.raises(LineLost, match="/dev/gpiochip0: No such device"):
        line.write(b"\0\0")
    with pytest.raises(LineLost, match="/dev/gpiochip0: No such device"):
        line.read()
    line.close()
    assert chip.released


def test_the_librarys_own_request_names_a_chip_that_is_not_there() -> None:
    with pytest.raises(LineLost, match=r"none: \[Errno 2\] No such file or directory"):
        open_output(replace(OUTPUT, chip="none"), EXAMPLE.parent)
    with pytest.raises(OSError, match=r"No such (device|file)"):  # file: where /sys is not mounted, nothing is a chip
        request_lines("/dev/null", settings(OUTPUT))


def test_the_process_looks_at_a_level_that_does_not_change_and_wakes_for_one_that_does(tmp_path: Path) -> None:
    chips: list[Chip] = []
    clock = [1000]

    def opened(output: AnyOutput, folder: Path) -> GpioLine:
        chips.append(Chip())
        return GpioLine(output, output.chip, chips[-1].request)

    def turn(ms: int) -> None:
        clock[0] += ms
        process.turn(process.selector.select(0))

    own = replace(rules(), outputs=(OUTPUT,))
    process = Process(own, tmp_path / "rules.toml", tmp_path, World(lambda: clock[0], 1, opened))
    outlet = process._engine.outputs["relay-1"]
    for _ in range(100):
        turn(own.timing.tick_ms)
    assert (outlet.contact, outlet.up, len(chips)) == (CONTACT_OPEN, True, 1)
    chips[0].move(READ_BACK, Value.ACTIVE)
    turn(1)  # between two ticks
    assert outlet.contact == CONTACT_CLOSED
    chips[0].gone = OSError(19, "No such device")
    turn(own.timing.tick_ms)
    assert (outlet.contact, chips[0].released) == (SILENT, True)
    for _ in range(1000 // own.timing.tick_ms):
        turn(own.timing.tick_ms)
    assert len(chips) == 2  # tried again every second
    process.open_all()
    process.close()


def test_a_gateway_without_the_library_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "minegate_interlock.gpio_line")
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(LineLost, match=r"/dev/gpiochip0: the library gpiod is missing: install minegate\[gpio\]"):
        open_output(OUTPUT, EXAMPLE.parent)


def test_a_contact_is_known_only_by_its_read_back() -> None:
    gpio = GpioOutput(replace(OUTPUT, read_back_closed=0), rules().timing)
    assert not gpio.hear(b"", 0)
    assert gpio.hear(b"\1\0", 0)  # the newest is the last
    assert gpio.contact == CONTACT_CLOSED
    assert not gpio.check(True, 600)
    assert gpio.contact == SILENT


def test_what_only_some_sites_need_is_not_loaded_for_the_others() -> None:
    script = "import sys, minegate_interlock.__main__; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "minegate_interlock.serial_line" in loaded
    some = {"gpiod", *(f"minegate_interlock.{name}" for name in ("gpio_line", "can_line", "slcan_line"))}
    assert some & set(loaded) == set()
