"""Outputs in rules.toml: each kind has its own keys, and its port belongs to the interlock alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from heading import EXAMPLE
from minegate_agent.check import check
from minegate_interlock.output_kinds import bus_ms, port, takes
from minegate_interlock.rules import Rules, RulesError, load
from minegate_sim.example import example

TEXT = EXAMPLE.read_text(encoding="utf-8")
SERIAL = 'kind = "node"\ndevice = "sim/relay-1"\nbaud = 9600\nnode = 9\nrelay = 0\n'
CAN = 'kind = "can-node"\ninterface = "socketcan"\nchannel = "can1"\nbitrate = 125000\nnode = 9\n'
SLCAN = 'kind = "can-node"\ninterface = "slcan"\nchannel = "sim/relay-can"\nbitrate = 250000\nnode = 9\n'
GPIO = (
    'kind = "gpio"\nchip = "/dev/gpiochip0"\nline = 17\nwatchdog_line = 27\nwatchdog_ms = 300\n'
    "read_back = 22\nread_back_closed = 1\n"
)
AREA_OUTPUTS = 'outputs = ["relay-1"]'


def text(first: str, *more: str) -> str:
    """The example with this output, and more of them for the same area."""
    assert SERIAL in TEXT
    assert AREA_OUTPUTS in TEXT
    names = ", ".join(f'"relay-{number}"' for number in range(1, 2 + len(more)))
    others = "".join(f'[[output]]\nname = "relay-{number}"\n{one}\n' for number, one in enumerate(more, 2))
    return (
        TEXT.replace(SERIAL, first)
        .replace("[[area]]", f"{others}[[area]]", 1)
        .replace(AREA_OUTPUTS, f"outputs = [{names}]")
    )


def rules_of(first: str, *more: str) -> Rules:
    return load(text(first, *more).encode(), "rules.toml")


@pytest.mark.parametrize(
    ("row", "where", "taken"),
    [
        (SERIAL, "sim/relay-1", ("sim/relay-1",)),
        (CAN, "can1", ("node 9 on can1",)),
        (SLCAN, "sim/relay-can", ("sim/relay-can",)),
        (GPIO, "/dev/gpiochip0", tuple(f"line {line} of /dev/gpiochip0" for line in (17, 27, 22))),
    ],
)
def test_each_kind_is_read_and_says_what_it_takes(row: str, where: str, taken: tuple[str, ...]) -> None:
    (output,) = rules_of(row).outputs
    assert (port(output), takes(output)) == (where, taken)


def test_an_area_may_have_outputs_of_all_kinds_at_once() -> None:
    kinds = [output.kind for output in rules_of(SERIAL, CAN, SLCAN, GPIO).outputs]
    assert kinds == ["node", "can-node", "can-node", "gpio"]


REFUSED = [
    ((SERIAL + 'chip = "x"\n',), ["relay-1", "'chip'", "no meaning", "'node'"]),
    ((CAN + "watchdog_ms = 300\n",), ["relay-1", "'watchdog_ms'", "no meaning", "'can-node'"]),
    ((GPIO + "node = 9\n",), ["relay-1", "'node'", "no meaning", "'gpio'"]),
    ((CAN + "baud = 9600\n",), ["baud", "no meaning", "'socketcan'"]),
    ((CAN.replace('channel = "can1"\n', ""),), ["relay-1", "'channel'", "missing"]),
    ((CAN.replace('"socketcan"', '"virtual"'),), ["relay-1", "'virtual'", "socketcan, slcan"]),
    ((CAN.replace("node = 9", "node = 254"),), ["relay-1", "254", "253"]),
    ((CAN.replace("can1", "a-name-that-is-none"),), ["channel", "a-name-that-is-none", "15"]),
    ((CAN.replace("125000", "10000"),), ["bitrate = 10000", "96 ms", "tick_ms = 50"]),
    ((SLCAN.replace("250000", "83333"),), ["bitrate = 83333", "125000"]),
    ((SLCAN + "baud = 19200\n",), ["baud = 19200", "84 ms", "tick_ms = 50"]),
    ((SLCAN + "baud = 300\n",), ["baud", "300", "1200"]),
    ((SLCAN + "baud = 14400\n",), ["baud = 14400", "is not one of"]),
    ((GPIO.replace("watchdog_line = 27\n", ""),), ["'watchdog_line'", "missing", "no lease"]),
    ((GPIO.replace("watchdog_ms = 300\n", ""),), ["'watchdog_ms'", "missing", "no lease"]),
    ((GPIO.replace("300", "601"),), ["watchdog_ms = 601", "lease_ms = 600"]),
    ((GPIO.replace("300", "100"),), ["watchdog_ms = 100", "tick_ms = 50"]),
    ((GPIO.replace("read_back = 22", "read_back = 27"),), ["line 27 of /dev/gpiochip0", "twice"]),
    ((GPIO, GPIO.replace("line = 17", "line = 5")), ["line 27 of /dev/gpiochip0", "twice"]),
    ((CAN, CAN), ["node 9 on can1", "twice"]),
    ((CAN, CAN.replace("node = 9", "node = 8").replace("125000", "250000")), ["relay-2", "can1", "two bit rates"]),
    (
        tuple(CAN.replace("node = 9", f"node = {node}").replace("125000", "50000") for node in (7, 8, 9)),
        ["relay-3", "can1", "3 outputs", "58 ms", "tick_ms = 50"],
    ),
]


@pytest.mark.parametrize(("outputs", "named"), REFUSED)
def test_a_refusal_is_one_line_that_names_output_key_value_and_limit(
    outputs: tuple[str, ...], named: list[str]
) -> None:
    with pytest.raises(RulesError) as refused:
        rules_of(*outputs)
    line = str(refused.value)
    assert "\n" not in line
    assert [word for word in named if word not in line] == []


def test_a_contact_that_nobody_reads_back_needs_a_measured_load() -> None:
    blind = GPIO.replace("read_back = 22\nread_back_closed = 1\n", "")
    assert rules_of(blind).outputs[0].read_back == -1
    with pytest.raises(RulesError, match=r"'relay-1': without read_back the area 'heading-1201' needs a feed_point"):
        load(text(blind).replace('feed_point = "1201-feed"\n', "").encode(), "rules.toml")


def test_a_fans_lock_on_gpio_is_read_back() -> None:
    site = (EXAMPLE.parent / "rules-by-place.toml").read_text(encoding="utf-8")
    lock = 'device = "sim/fan-lock-1"\nnode = 10\n'
    assert lock in site
    load(site.replace(lock, GPIO).encode(), "rules.toml")
    blind = GPIO.replace("read_back = 22\nread_back_closed = 1\n", "")
    with pytest.raises(RulesError, match="fan_output 'fan-lock-1': read_back is missing"):
        load(site.replace(lock, blind).encode(), "rules.toml")


def test_a_seal_takes_a_segment_more_of_the_bus() -> None:
    plain, sealed = rules_of(CAN, CAN.replace("node = 9", 'node = 8\nkey_file = "k"')).outputs
    assert (bus_ms(plain), bus_ms(sealed)) == (6 * 160 / 125, 7 * 160 / 125)


# the output's row, what gateway.toml's port is made of it, what the line has to name
FIELD_HAS_IT = [
    (SERIAL, ('device = "sim/rs485-2"', 'device = "sim/relay-1"'), "device 'sim/relay-1' is also port 'rs485-2'"),
    (SERIAL.replace("sim/relay-1", "link"), ("", ""), "device 'link' is also port 'rs485-2'"),
    (CAN, ('interface = "slcan"', 'interface = "socketcan"'), "channel 'can1' is also port 'can-1'"),
    (SLCAN, ('channel = "sim/can-1"', 'channel = "sim/relay-can@1000000"'), "channel 'sim/relay-can' is also port"),
    (
        SLCAN.replace("sim/relay-can", "link"),
        ('channel = "sim/can-1"', 'channel = "sim/rs485-2-bus"'),
        "'link' is also",
    ),
    (GPIO.replace("/dev/gpiochip0", "link"), ("", ""), "chip 'link' is also port 'rs485-2'"),
]


@pytest.mark.parametrize(("row", "edit", "words"), FIELD_HAS_IT)
def test_a_port_that_field_has_as_well_is_refused_even_under_another_name(
    tmp_path: Path, row: str, edit: tuple[str, str], words: str
) -> None:
    gateway = (example() / "gateway.toml").read_text(encoding="utf-8").replace(*edit)
    gateway = gateway.replace('channel = "sim/can-1"', 'channel = "can1"') if "socketcan" in gateway else gateway
    (tmp_path / "gateway.toml").write_text(gateway, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(text(row), encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "sim" / "rs485-2")
    (line,) = check(tmp_path).problems
    assert words in line
    assert "an output needs a port of its own" in line


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((SERIAL, SERIAL.replace("sim/relay-1", "link")), "device 'link' is also that of output 'relay-1'"),
        ((GPIO, GPIO.replace("/dev/gpiochip0", "by-name")), "chip 'by-name' is also that of output 'relay-1'"),
        ((SERIAL, SLCAN.replace("sim/relay-can", "sim/relay-1")), "given twice"),
        ((SERIAL, SLCAN.replace("sim/relay-can", "link")), "channel 'link' is also that of output 'relay-1'"),
    ],
)
def test_two_outputs_on_one_port_are_refused_even_under_another_name(
    tmp_path: Path, rows: tuple[str, ...], words: str
) -> None:
    (tmp_path / "gateway.toml").write_text((example() / "gateway.toml").read_text("utf-8"), encoding="utf-8")
    (tmp_path / "rules.toml").write_text(text(*rows), encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "sim" / "relay-1")
    (tmp_path / "by-name").symlink_to("/dev/gpiochip0")
    (line,) = check(tmp_path).problems
    assert words in line


def test_nodes_of_one_bus_and_lines_of_one_chip_are_ports_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text((example() / "gateway.toml").read_text("utf-8"), encoding="utf-8")
    other = GPIO.replace("17", "5").replace("27", "6").replace("22", "7").replace("/dev/gpiochip0", "by-name")
    rows = (CAN, CAN.replace("node = 9", "node = 8"), GPIO, other)
    (tmp_path / "rules.toml").write_text(text(*rows), encoding="utf-8")
    (tmp_path / "by-name").symlink_to("/dev/gpiochip0")
    assert check(tmp_path).problems == ()


def test_the_fans_lock_belongs_to_the_interlock_alone_as_well(tmp_path: Path) -> None:
    gateway = (example() / "gateway.toml").read_text(encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(gateway.replace("sim/rs485-2", "sim/fan-lock-1"), encoding="utf-8")
    site = (EXAMPLE.parent / "rules-by-place.toml").read_text(encoding="utf-8")
    (tmp_path / "rules.toml").write_text(site, encoding="utf-8")
    (line,) = check(tmp_path).problems
    assert "output 'fan-lock-1': device 'sim/fan-lock-1' is also port 'rs485-2'" in line
