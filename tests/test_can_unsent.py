"""Frames that find no room wait in order; too many cost the oldest whole one, counted, and never half of one."""

from __future__ import annotations

import errno
import os

import pytest

from minegate_agent.field.can_unsent import UNSENT_MAX, Unsent
from minegate_drivers.ports import BusHealth, PortLost


class Pipe:
    """Takes `room` bytes and no more; an error instead if `error` is set."""

    def __init__(self, room: int = 0, error: int = errno.EAGAIN) -> None:
        self.room = room
        self.error = error
        self.taken = b""

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(self.error, os.strerror(self.error))
        piece = data[: self.room]
        self.room -= len(piece)
        self.taken += piece
        return len(piece)


def piece(number: int) -> bytes:
    return b"<%03d>" % number


@pytest.mark.parametrize("full", [errno.EAGAIN, errno.ENOBUFS])
def test_what_finds_no_room_goes_out_in_order_when_there_is_room(full: int) -> None:
    pipe, health = Pipe(error=full), BusHealth()
    unsent = Unsent(pipe.write, "can-1", health)
    for number in range(UNSENT_MAX):
        unsent.send(piece(number))
    pipe.room = 10_000
    unsent.flush()
    assert pipe.taken == b"".join(piece(number) for number in range(UNSENT_MAX))
    assert health.unsent == 0


@pytest.mark.parametrize(("room", "given_up"), [(0, 0), (2, 1), (5, 1), (7, 2)])
def test_too_many_cost_the_oldest_whole_piece(room: int, given_up: int) -> None:
    pipe, health = Pipe(room), BusHealth()
    unsent = Unsent(pipe.write, "can-1", health)
    fitted = room // len(piece(0))  # pieces that went out at once
    for number in range(UNSENT_MAX + 1 + fitted):
        unsent.send(piece(number))
    pipe.room = 10_000
    unsent.flush()
    assert pipe.taken == b"".join(piece(n) for n in range(UNSENT_MAX + 1 + fitted) if n != given_up)
    assert health.unsent == 1


def test_a_port_that_is_gone_is_named() -> None:
    unsent = Unsent(Pipe(error=errno.EIO).write, "can-1", BusHealth())
    with pytest.raises(PortLost, match="port can-1: Input/output error"):
        unsent.send(piece(1))
