"""A relay board as it is flashed, boot.py and main.py and all, on the real MicroPython VM in virtual time.

A cycle of the board's loop takes `pace_ms` of that time, so that what is promised per cycle can be told to the cycle.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from minegate_wire import messages
from minegate_wire.frame import encode
from vm_bench import Bench, Message
from vm_board import CONTACTOR_MS, PINS, Board
from vm_tapes import KEY, LEASE_MS, NODE, TICKS, Gateway, forged

RENEW_MS = 150
NUCLEO = "nucleo_g474re"
FRAME_MS = 40  # a frame and its answer at 9600 baud
CYCLES = 2  # one in which a byte or a sample comes, one to answer it


class Site:
    """A board and the gateway that knows its nonce; `now_ms` of its virtual time."""

    def __init__(self, bench: Bench, name: str = NUCLEO, **more: object) -> None:
        self.board = Board(bench, name, virtual=True, **more)
        self.pins = self.board.pins
        self.now_ms = 0
        self.gateway = Gateway(sealed=False, nonce=self.ask(messages.HELLO)["boot_nonce"])

    def run(self, ms: int, *later: Message) -> list[Message]:
        """Time goes by; `later` is what happens in it, in order."""
        told = self.board.run(ms, later)
        self.now_ms += ms
        return told

    def ask(self, kind: int) -> dict[str, int]:
        """What the board answers."""
        told = self.run(100, self.board.line(self.now_ms + 10, encode(NODE, messages.ASK, [(kind,)])))
        return self.board.replies(kind, told)[-1]

    def opened(self) -> Message:
        """An OPEN, which arms."""
        return self.board.line(self.now_ms + 10, self.gateway.open(self.gateway.next()))

    def permits(self, ms: int, first_ms: int = 50) -> list[Message]:
        """A PERMIT every RENEW_MS for the next `ms`."""
        times = range(self.now_ms + first_ms, self.now_ms + ms, RENEW_MS)
        return [self.board.line(at, self.gateway.permit(self.gateway.next())) for at in times]

    def close(self) -> None:
        """Arm and permit: the contact is closed."""
        self.run(200, self.opened(), *self.permits(150, 60))
        assert self.board.energised()

    def state(self) -> dict[str, int]:
        """RELAY_STATE."""
        return self.ask(messages.RELAY_STATE)


@pytest.fixture
def site(bench: Bench) -> Iterator[Site]:
    site = Site(bench)
    yield site
    site.board.off()


@pytest.mark.parametrize("name", PINS)
def test_a_board_boots_open_energises_on_a_permit_and_opens_within_lease_and_one_cycle(bench: Bench, name: str) -> None:
    site = Site(bench, name)
    assert not site.board.edges()
    assert site.state()["trip_cause"] == messages.TRIP_BOOT
    opened = site.opened()
    permit = site.board.line(site.now_ms + 100, site.gateway.permit(site.gateway.next()))
    (closing, closed_at), (opening, opened_at) = site.board.edges(site.run(LEASE_MS + 200, opened, permit))
    assert (closing, opening) == (1, 0)
    assert 0 <= closed_at - permit["at"] <= 1
    assert LEASE_MS - 1 <= opened_at - permit["at"] <= LEASE_MS + 1
    assert site.state()["trip_cause"] == messages.TRIP_LEASE
    site.board.off()


def test_permits_hold_the_contact_over_the_wrap_of_the_ticks_and_their_end_opens_it(bench: Bench) -> None:
    site = Site(bench, ticks=TICKS - 2000, pace_ms=5)
    site.close()
    assert site.board.edges(site.run(3000, *site.permits(3000, 20))) == []
    assert site.now_ms > 2000 + LEASE_MS
    ((level, at),) = site.board.edges(site.run(LEASE_MS + 200))
    assert level == 0
    assert at < site.now_ms
    site.board.off()


# what its own head does, the cause that is told
HEADS = [
    (PINS[NUCLEO].code(10_050), messages.TRIP_LOCAL_LIMIT), (PINS[NUCLEO].code(40_000), messages.TRIP_LOCAL_LIMIT),
    (0, messages.TRIP_LOCAL_SENSOR), (65_535, messages.TRIP_LOCAL_SENSOR),
]  # fmt: skip


@pytest.mark.parametrize(("code", "cause"), HEADS)
def test_its_own_head_opens_the_contact_although_permits_go_on(site: Site, code: int, cause: int) -> None:
    site.close()
    event = {"at": site.now_ms + 300, "analog": {site.pins.head: code}}
    permits = site.permits(1500)
    ((level, at),) = site.board.edges(site.run(1500, *sorted([event, *permits], key=lambda one: one["at"])))
    assert level == 0
    assert 0 <= at - event["at"] <= CYCLES
    state = site.state()
    assert (state["trip_cause"], state["lease_left_ms"]) == (cause, 0)
    assert state["refused"] >= 5


def test_after_its_own_limit_gas_below_it_and_permits_do_not_close_again_an_open_and_a_permit_do(site: Site) -> None:
    site.close()
    over = {"at": site.now_ms + 10, "analog": {site.pins.head: PINS[NUCLEO].code(12_000)}}
    below = {"at": site.now_ms + 200, "analog": {site.pins.head: PINS[NUCLEO].code(3000)}}
    assert [level for level, _ in site.board.edges(site.run(900, over, below, *site.permits(900, 250)))] == [0]
    assert [level for level, _ in site.board.edges(site.run(300, site.opened(), *site.permits(300)))] == [1]


def test_a_controller_off_the_bus_opens(site: Site) -> None:
    site.close()
    off = {"at": site.now_ms + 10, "can_state": 4}
    ((level, at),) = site.board.edges(site.run(100, off))
    assert (level, at <= off["at"] + CYCLES) == (0, True)
    assert site.state()["trip_cause"] in (messages.TRIP_BUS, messages.TRIP_LEASE)


def test_a_contact_that_stays_closed_is_told_and_keeps_the_coil_off(site: Site) -> None:
    site.close()
    welded: Message = {"at": site.now_ms + 10, "follows": {site.pins.contact: None}, "pins": {site.pins.contact: 0}}
    site.run(LEASE_MS + 400 + CONTACTOR_MS, welded, site.opened())
    assert site.state()["contact"] == messages.CONTACT_MISMATCH
    assert site.board.edges(site.run(600, site.opened(), *site.permits(600))) == []


@pytest.mark.parametrize("tries", [300, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("sealed", [False, True])
def test_no_forged_replayed_damaged_or_stale_frame_energises_the_board(
    bench: Bench, tmp_path: Path, sealed: bool, tries: int
) -> None:
    (tmp_path / "identity.py").write_text(f"NODE = {NODE}\nBAUD = 9600\nKEY = bytes.fromhex({KEY!r})\n", "ascii")
    site = Site(bench, identity=tmp_path if sealed else None, pace_ms=5)
    if sealed:
        told = site.ask(messages.SESSION)
        session = b"".join(told[f"session_{limb}"].to_bytes(2, "little") for limb in range(4)).hex()
        site.gateway = Gateway(True, nonce=site.gateway.nonce, session=session)
    site.run(100, site.board.line(site.now_ms + 10, site.gateway.open(1000)))
    frames = list(forged(site.gateway, sealed, tries, random.Random(3)))
    for first in range(0, tries, 500):
        some = frames[first : first + 500]
        later = [site.board.line(site.now_ms + FRAME_MS * (at + 1), frame) for at, frame in enumerate(some)]
        assert site.board.edges(site.run(FRAME_MS * (len(some) + 3), *later)) == []
    assert site.state()["refused"] > tries // 3
    good = site.board.line(site.now_ms + 10, site.gateway.permit(1001))
    assert [level for level, _ in site.board.edges(site.run(100, good))] == [1]  # it was not deaf
    site.board.off()


def test_every_board_file_is_one_that_the_bench_knows() -> None:
    boards = Path(__file__).parent.parent / "firmware" / "boards"
    assert {path.parent.name for path in boards.glob("*/board.py")} == set(PINS)
