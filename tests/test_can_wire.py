"""What we say to the kernel's CAN and understand of it is what its headers say; a bus that goes off is restarted."""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

import pytest

from minegate_agent.field import can_netlink, can_wire
from minegate_agent.field.can_bus_state import CALM_MS, RESTART_FIRST_MS, RESTART_MAX_MS, BusState
from minegate_agent.field.can_wire import BusError, frame_of, raw_of
from minegate_drivers.ports import CanFrame

HEADERS = Path("/usr/include/linux")


def defined(file: str, name: str) -> int:
    found = re.search(rf"#define\s+{name}\s+(0x[0-9a-fA-F]+|\d+)", (HEADERS / file).read_text(encoding="utf-8"))
    assert found, name
    return int(found[1], 0)


def test_numbers_are_those_of_the_kernel_headers() -> None:
    error = "can/error.h"
    words = {
        "TX_TIMEOUT": "tx_timeout", "LOSTARB": "lost_arbitration", "CRTL": "controller", "PROT": "protocol",
        "TRX": "transceiver", "ACK": "no_acknowledge", "BUSOFF": "bus_off", "BUSERROR": "bus_error",
        "RESTARTED": "restarted",
    }  # fmt: skip
    assert {defined(error, f"CAN_ERR_{name}"): word for name, word in words.items()} == can_wire.ERROR_CLASSES
    crtl = {name: defined(error, f"CAN_ERR_CRTL_{name}") for name in (
        "RX_OVERFLOW", "RX_WARNING", "TX_WARNING", "RX_PASSIVE", "TX_PASSIVE", "ACTIVE",
    )}  # fmt: skip
    assert crtl["RX_OVERFLOW"] == can_wire.CRTL_RX_OVERFLOW
    assert crtl["RX_WARNING"] | crtl["TX_WARNING"] == can_wire.CRTL_WARNING
    assert crtl["RX_PASSIVE"] | crtl["TX_PASSIVE"] == can_wire.CRTL_PASSIVE
    assert crtl["ACTIVE"] == can_wire.CRTL_ACTIVE
    assert defined(error, "CAN_ERR_CNT") == can_wire.ERR_CNT
    assert defined("can.h", "CAN_EFF_FLAG") == can_wire.EFF_FLAG == socket.CAN_EFF_FLAG
    assert defined("can.h", "CAN_RTR_FLAG") == can_wire.RTR_FLAG
    assert defined("can.h", "CAN_ERR_FLAG") == can_wire.ERR_FLAG
    assert can_wire.SOL_CAN_RAW == socket.SOL_CAN_RAW
    assert can_wire.CAN_RAW_FILTER == socket.CAN_RAW_FILTER
    raw = re.findall(r"^\s+(CAN_RAW_\w+)", (HEADERS / "can/raw.h").read_text(encoding="utf-8"), re.MULTILINE)
    assert raw.index("CAN_RAW_ERR_FILTER") + 1 == can_wire.CAN_RAW_ERR_FILTER
    assert defined("can.h", "CAN_RAW_FILTER_MAX") == can_wire.FILTERS_MAX
    assert can_wire.CAN_RAW_FD_FRAMES == socket.CAN_RAW_FD_FRAMES
    restart = re.findall(r"^\s+(IFLA_CAN_\w+),", (HEADERS / "can/netlink.h").read_text(encoding="utf-8"), re.MULTILINE)
    assert restart.index("IFLA_CAN_RESTART") == 7


@pytest.mark.parametrize(
    ("frame", "raw"),
    [
        (CanFrame(0x287, b"\x48\x00"), "87020000 02000000 4800000000000000"),
        (CanFrame(0x18FF0102, b"", extended=True), "0201ff98 00000000 0000000000000000"),
        (CanFrame(0x7, b"\x01" * 12, fd=True), "07000000 0c010000" + "01" * 12 + "00" * 52),
    ],
)
def test_a_frame_is_the_struct_that_the_kernel_has(frame: CanFrame, raw: str) -> None:
    assert raw_of(frame) == bytes.fromhex(raw)
    assert frame_of(bytes.fromhex(raw), 0) == frame


def test_what_is_no_frame_is_refused_and_remote_frames_carry_nothing() -> None:
    for size in (0, 8, 15, 17, 71, 73):
        with pytest.raises(ValueError, match=f"{size} bytes are neither 16 nor 72"):
            frame_of(bytes(size), 0)
    with pytest.raises(ValueError, match="9 bytes of data in a frame of 8"):
        frame_of(struct.pack("=IB11x", 1, 9), 0)
    assert frame_of(struct.pack("=IB11x", can_wire.RTR_FLAG | 1, 8), 0) is None
    with pytest.raises(ValueError, match="9 bytes of data, at most 8"):
        raw_of(CanFrame(1, bytes(9)))


def test_filters_let_through_what_is_wanted_in_its_own_width_only() -> None:
    wanted = ((0x287, False), (0x287, True))
    pairs = list(struct.iter_unpack("=II", can_wire.filters(wanted)))

    def passes(word: int) -> bool:
        return any(word & mask == number & mask for number, mask in pairs)  # linux/can.h, struct can_filter

    assert passes(0x287)
    assert passes(0x287 | can_wire.EFF_FLAG)
    assert not passes(0x288)
    assert not passes(0x1287 | can_wire.EFF_FLAG)
    assert not passes(0x287 | can_wire.RTR_FLAG)
    many = can_wire.filters((number, True) for number in range(can_wire.FILTERS_MAX + 1))
    assert list(struct.iter_unpack("=II", many)) == [(can_wire.EFF_FLAG, can_wire.EFF_FLAG | can_wire.RTR_FLAG)]


def error(classes: int, controller: int = 0, tx: int = 0, rx: int = 0) -> BusError:
    heard = frame_of(struct.pack("=IB3xBBBBBBBB", can_wire.ERR_FLAG | classes, 8, 0, controller, 0, 0, 0, 0, tx, rx), 0)
    assert isinstance(heard, BusError)
    return heard


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        (error(0x4, 0x08, 97, 0), "warning"),
        (error(0x4, 0x04), "warning"),
        (error(0x204, 0x10, 0, 130), "passive"),
        (error(0x4, 0x20), "passive"),
        (error(0x4, 0x40), "active"),
        (error(0x40), "off"),
        (error(0x100), "active"),
        (error(0x88), "unknown"),
    ],
)
def test_error_frames_tell_the_state_of_the_bus(heard: BusError, state: str) -> None:
    bus = BusState()
    bus.note(heard, 0)
    assert bus.health.state == state
    assert set(bus.health.errors) == set(heard.classes)


def test_error_counters_and_overflows_are_counted() -> None:
    bus = BusState()
    bus.note(error(0x204, 0x10 | 0x01, 5, 130), 0)
    assert (bus.health.tx_errors, bus.health.rx_errors, bus.health.dropped) == (5, 130, 1)
    bus.dropped_by_kernel(7)
    bus.dropped_by_kernel(9)
    assert bus.health.dropped == 10
    bus.dropped_by_kernel(2)  # 32 bits went round
    assert bus.health.dropped == 10 + (2 - 9) % 2**32


def test_a_bus_that_is_off_is_restarted_with_growing_pauses_until_it_speaks() -> None:
    bus = BusState()
    assert not bus.restart_due(0)
    bus.note(error(0x40), 0)
    asked = [now for now in range(0, 120_000, 10) if bus.restart_due(now)]
    pauses = [after - before for before, after in zip([0, *asked], asked, strict=False)]
    assert pauses[:4] == [RESTART_FIRST_MS, 2 * RESTART_FIRST_MS, 4 * RESTART_FIRST_MS, 8 * RESTART_FIRST_MS]
    assert max(pauses) == RESTART_MAX_MS
    bus.traffic()
    assert bus.health.state == "active"
    assert not bus.restart_due(10**6)
    bus.note(error(0x40), 120_000 + CALM_MS)
    assert not bus.restart_due(120_000 + CALM_MS + RESTART_FIRST_MS - 1)
    assert bus.restart_due(120_000 + CALM_MS + RESTART_FIRST_MS)


def test_the_restart_message_is_read_by_a_kernel() -> None:
    message = can_netlink.restart_message(3, 1)
    assert int.from_bytes(message[:4], "little") == len(message)
    # The kernel takes the message apart and refuses it: the loopback is no CAN interface.
    assert can_netlink.restart("lo") in ("Operation not supported", "Operation not permitted", "Invalid argument")
    assert can_netlink.restart("none0") == "no interface with this name"
    assert can_netlink.refusal(struct.pack("=IHHIIi", 36, 2, 0, 1, 0, 0)) == ""
    with pytest.raises(ValueError, match="no acknowledgement"):
        can_netlink.refusal(b"")
