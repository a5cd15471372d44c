"""GPIO lines as an output: levels, a watchdog relay in series, a read-back; by the library's own settings and a chip
in memory, because the machine that tests has none.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import gpiod
import pytest
from gpiod.line import Bias, Direction, Edge, Value

from engine_heading import Cabinet, EngineHeading
from heading import AREA, EXAMPLE, rules
from minegate_interlock.gpio_line import GpioLine, request_lines, settings
from minegate_interlock.gpio_output import GpioOutput
from minegate_interlock.lines import Cause, Verb, What
from minegate_interlock.open_output import open_output
from minegate_interlock.outlet import SILENT, UNREAD
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.process import Process
from minegate_interlock.rules import Output, ProofTest, Rules
from minegate_interlock.world import LineLost, World
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_OPEN

WATCHDOG_MS = 300
LINE, WATCHDOG, READ_BACK = 17, 27, 22
OUTPUT = Output(
    "relay-1", kind="gpio", chip="/dev/gpiochip0", line=LINE, watchdog_line=WATCHDOG, watchdog_ms=WATCHDOG_MS,
    read_back=READ_BACK,
)  # fmt: skip
BLIND = replace(OUTPUT, read_back=-1)
TRAVEL_MS = 30


class Panel:
    """A contactor behind two lines: closed while the one is high and the other was turned over not long ago.

    The shape of engine_heading.Cabinet: what goes in are levels, what comes out are those of the read-back.
    """

    def __init__(self, output: AnyOutput) -> None:
        self.output = output
        self.contact = False
        self.held = False
        self.cable = True  # the read-back's wire
        self.level, self.beat = 0, 0
        self._beaten_ms = -WATCHDOG_MS
        self._moves_ms = 0
        self.chip = True

    def turn(self, frames: list[bytes], now_ms: int) -> bytes:
        for frame in frames:
            self.level = frame[0]
            if frame[1] != self.beat:
                self.beat, self._beaten_ms = frame[1], now_ms
        asked = bool(self.level) and now_ms - self._beaten_ms < WATCHDOG_MS
        if asked == self.contact or self.held:
            self._moves_ms = now_ms
        elif now_ms - self._moves_ms >= TRAVEL_MS:
            self.contact = asked
        reads = self.contact and self.cable
        return bytes((int(reads) == self.output.read_back_closed,)) if self.chip else b""


class OnGpio(EngineHeading):
    """The heading, whose breaker hangs on a chip of the gateway."""

    def __init__(self, output: Output = OUTPUT, own: Rules | None = None) -> None:
        super().__init__(replace(own or rules(), outputs=(output,)))
        panel = self.cabinets["relay-1"]
        assert isinstance(panel, Panel)
        self.panel: Panel = panel

    def cabinet(self, output: AnyOutput) -> Cabinet:
        return Panel(output)  # type: ignore[return-value]  # the same shape


@pytest.mark.parametrize("closed_level", [0, 1])
def test_the_line_closes_after_a_reset_and_opens_at_the_limit(closed_level: int) -> None:
    heading = OnGpio(replace(OUTPUT, read_back_closed=closed_level)).powered()
    heading.gas(1.5)
    heading.run(250)
    assert not heading.contact
    assert (heading.panel.level, heading.panel.beat) == (0, 0)
    (opened,) = heading.said(What.OUTPUT_OPEN)
    assert 0 < opened.value <= TRAVEL_MS


def test_the_watchdog_line_is_turned_over_at_every_tick_and_only_while_permitted() -> None:
    timing = rules().timing
    gpio = GpioOutput(OUTPUT, timing)
    beats = [gpio.send(True, False, now_ms) for now_ms in range(0, 1000, timing.tick_ms)]
    assert beats == [b"\1\1", b"\1\0"] * (len(beats) // 2)
    off = [gpio.send(False, False, now_ms) for now_ms in range(1000, 2000, timing.tick_ms)]
    assert set(off) == {b"", b"\0\0"}
    assert gpio.send(False, True, 2001) == b"\0\0"


def test_an_interlock_that_hangs_is_cut_by_the_watchdog_and_waits_for_a_person() -> None:
    heading = OnGpio().powered()
    before_ms = heading.now_ms
    while heading.panel.contact:  # nobody calls the engine any more: the lines stay as they are
        heading.now_ms += 10
        heading.panel.turn([], heading.now_ms)
        assert heading.now_ms - before_ms <= WATCHDOG_MS + TRAVEL_MS + 10
    assert heading.panel.level == 1
    heading.run(100)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert "opened by itself" in lost.reason
    heading.run(2000)
    assert not heading.contact
    assert heading.command(Verb.RESET)[0]
    heading.run(500)
    assert heading.contact


def test_a_contact_that_welds_is_told_and_a_broken_read_back_wire_reads_open() -> None:
    heading = OnGpio().powered()
    heading.panel.held = True
    heading.gas(1.5)
    heading.run(heading.rules.timing.lease_ms + 400)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert "probably welded" in lost.reason
    other = OnGpio().powered()
    other.panel.cable = False
    other.run(100)
    assert other.engine.outputs["relay-1"].contact == CONTACT_OPEN
    assert not other.contact


def test_a_chip_that_goes_away_locks_and_is_named() -> None:
    heading = OnGpio().powered()
    heading.panel.chip = False
    heading.engine.line_lost("relay-1", heading.now_ms)
    heading.run(10)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.reason == "GPIO chip /dev/gpiochip0: its lines cannot be had or driven"
    assert heading.engine.outputs["relay-1"].contact == SILENT


def test_the_state_tells_how_long_the_watchdog_holds() -> None:
    heading = OnGpio().powered()
    assert 0 < heading.engine.areas(heading.now_ms)[0].lease_left_ms <= WATCHDOG_MS
    heading.gas(1.5)
    heading.run(250)
    assert heading.engine.areas(heading.now_ms)[0].lease_left_ms == 0


def test_without_a_read_back_the_contact_is_unread_and_the_load_side_judges_it() -> None:
    heading = OnGpio(BLIND).powered()
    heading.feed_follows = True
    heading.run(1000)
    assert heading.engine.areas(heading.now_ms)[0].contact == UNREAD
    heading.gas(1.5)
    heading.run(250)
    assert not heading.contact
    assert heading.said(What.OUTPUT_OPEN) == []  # nobody has read it
    heading.gas(0.5)
    heading.run(500)
    assert heading.command(Verb.RESET)[0]
    heading.run(2000)
    heading.panel.held = True
    heading.gas(1.5)
    heading.run(heading.rules.timing.feed_check_ms + 1000)
    (mismatch,) = heading.said(What.FEED_MISMATCH)
    assert mismatch.reason == "relay and watchdog relay, or breaker: the contact is not read back, load still live"


def test_a_lock_test_of_an_unread_contact_is_passed_by_the_dead_load_and_by_nothing_less() -> None:
    for follows, what in ((True, What.TEST_DONE), (False, What.TEST_FAILED)):
        own = replace(rules(), tests=(ProofTest("lock", AREA, 15, "every 15 days"),))
        heading = OnGpio(BLIND, own).powered()
        heading.feed_follows, heading.feed = follows, 1.0
        heading.run(1000)
        assert heading.command(Verb.TEST, reason="due")[0]
        heading.run(6000)
        (told,) = [verdict for verdict in heading.told() if verdict.what in (What.TEST_DONE, What.TEST_FAILED)]
        assert (told.what, told.cause) == (what, Cause.TEST)


def test_the_self_test_at_start_says_that_nothing_is_read_back() -> None:
    heading = OnGpio(BLIND)
    heading.run(15_000)
    (told,) = heading.said(What.TEST_DONE)
    assert told.reason == "self-test at start: takes what it is told, not read back"


# -- the kernel's lines, by a chip in memory ---------------------------------------------------------------------------


class Chip:
    """What gpiod.LineRequest is, with levels that a test sets."""

    def __init__(self) -> None:
        self.fd, self._write_end = os.pipe()
        os.set_blocking(self.fd, False)
        self.asked: dict[int, gpiod.LineSettings] = {}
        self.levels: dict[int, Value] = {}
        self.released = False
        self.gone: OSError | None = None

    def request(self, chip: str, asked: object) -> Chip:
        assert chip == "/dev/gpiochip0"
        assert isinstance(asked, dict)
        self.asked = asked
        self.levels = {line: setting.output_value for line, setting in asked.items()}
        return self

    def move(self, line: int, level: Value) -> None:
        """From outside; the kernel tells the edge."""
        self.levels[line] = level
        os.write(self._write_end, b"e")

    def set_values(self, values: dict[int | str, Value]) -> None:
        self._alive()
        self.levels.update({int(line): value for line, value in values.items()})

    def get_value(self, line: int | str) -> Value:
        self._alive()
        return self.levels[int(line)]

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        assert timeout == 0  # the loop never waits here
        try:
            self._kept = os.read(self.fd, 1)
        except BlockingIOError:
            return False
        return True

    def read_edge_events(self, max_events: int | None = None) -> object:
        return self._kept

    def release(self) -> None:
        self.released = True
        os.close(self.fd)
        os.close(self._write_end)

    def _alive(self) -> None:
        if self.gone is not None:
            raise self.gone


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
    with pytest.raises(OSError, match="No such device"):
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
