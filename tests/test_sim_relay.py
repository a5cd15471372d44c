"""The simulated relay board: the node's own firmware, and a contactor that has mass and can be broken."""

from __future__ import annotations

import pytest

from minegate_sim.devices.relay_board import DROP_OUT_MS, PULL_IN_MS, RelayBoard
from minegate_wire.frame import HEAD, Receiver, encode
from minegate_wire.messages import (
    CONTACT_CLOSED,
    CONTACT_MISMATCH,
    CONTACT_OPEN,
    OPEN,
    PERMIT,
    RELAY_STATE,
    TRIP_COMMAND,
    dec,
)


class Bench:
    """A relay board with its time, and what its contact did."""

    def __init__(self) -> None:
        self.moves: list[tuple[float, bool]] = []
        self.board = RelayBoard("relay", 9, 4711, lambda at_ms, closed: self.moves.append((at_ms, closed)), 0.0)
        self.now_ms = 0.0
        self.count = 0
        self.state: list[int] = [0] * 8
        self.send(OPEN, (0, TRIP_COMMAND, 0))  # arms it: a boot is latched

    def pass_ms(self, ms: float) -> None:
        end_ms = self.now_ms + ms
        while self.board.due_ms() <= end_ms:
            self.hear(self.board.step(self.board.due_ms()))
        self.now_ms = end_ms

    def send(self, kind: int, row: tuple[int, ...]) -> None:
        self.board.take(encode(9, kind, (row,)), self.now_ms)
        self.pass_ms(0.0)

    def permit(self, lease_ms: int = 600, nonce: int = 4711) -> None:
        self.count += 1
        self.send(PERMIT, (0, lease_ms, nonce, self.count, 0, 0))

    def hear(self, answer: bytes) -> None:
        receiver = Receiver()
        for byte in answer:
            if receiver.feed(byte):
                assert receiver.kind() == RELAY_STATE
                dec(RELAY_STATE, receiver.buf, HEAD, self.state)


def test_the_contact_closes_on_a_permit_and_opens_when_the_leases_stop() -> None:
    bench = Bench()
    for _ in range(20):
        bench.permit()
        bench.pass_ms(150.0)
    assert bench.moves == [(PULL_IN_MS, True)]
    last_permit_ms = bench.now_ms - 150.0
    bench.pass_ms(5000.0)
    (_, (opened_ms, closed)) = bench.moves
    assert not closed
    assert last_permit_ms + 600.0 <= opened_ms <= last_permit_ms + 600.0 + DROP_OUT_MS + 20.0


def test_open_opens_at_once_and_says_so() -> None:
    bench = Bench()
    bench.permit()
    bench.pass_ms(100.0)
    bench.send(OPEN, (0, 1, bench.count + 1))
    bench.pass_ms(DROP_OUT_MS)
    assert bench.moves[-1] == (100.0 + DROP_OUT_MS, False)
    assert bench.state[2] == TRIP_COMMAND


@pytest.mark.parametrize("nonce", [0, 4710, 65535])
def test_a_permit_for_another_boot_moves_nothing(nonce: int) -> None:
    bench = Bench()
    bench.permit(nonce=nonce)
    bench.pass_ms(1000.0)
    assert bench.moves == []


def test_a_welded_contact_stays_and_is_read_back_as_a_mismatch() -> None:
    bench = Bench()
    bench.permit()
    bench.pass_ms(100.0)
    bench.board.faults.welded = True
    bench.count += 1
    bench.send(OPEN, (0, 1, bench.count))
    assert bench.moves == [(PULL_IN_MS, True)]
    assert bench.state[1] == CONTACT_CLOSED
    bench.pass_ms(400.0)
    bench.permit()
    assert bench.state[1] == CONTACT_MISMATCH
    bench.board.faults.welded = False
    bench.pass_ms(100.0)
    assert [closed for _, closed in bench.moves] == [True, False]


def test_a_contact_that_does_not_pull_in_never_closes() -> None:
    bench = Bench()
    bench.board.faults.stuck_open = True
    for _ in range(10):
        bench.permit()
        bench.pass_ms(150.0)
    assert bench.moves == []
    assert bench.state[1] in (CONTACT_OPEN, CONTACT_MISMATCH)


def test_a_board_without_supply_lets_go_and_comes_back_as_another_boot() -> None:
    bench = Bench()
    bench.permit(2000)
    bench.pass_ms(100.0)
    bench.board.faults.dead = True
    bench.pass_ms(100.0)
    assert [closed for _, closed in bench.moves] == [True, False]
    bench.board.faults.dead = False
    bench.pass_ms(100.0)
    bench.permit()
    bench.pass_ms(100.0)
    assert len(bench.moves) == 2
    bench.send(OPEN, (0, TRIP_COMMAND, bench.count))
    bench.permit(nonce=4712)
    bench.pass_ms(100.0)
    assert bench.moves[-1][1] is True
