"""The relay node: its coil is energised only by a fresh PERMIT of this boot, and by no accident, replay or wrap."""

from __future__ import annotations

import random

import pytest

from minegate_node.lease import LEASE_MAX_MS, Lease
from minegate_node.relay import MISMATCH_MS, RelayNode
from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver, encode

NODE, NONCE, LEASE_MS = 9, 48879, 600
DAY_MS = 86_400_000
TICKS = 1 << 30


def _permit(count: int, nonce: int = NONCE, node: int = NODE, relay: int = 0, lease_ms: int = LEASE_MS) -> bytes:
    return encode(node, messages.PERMIT, [(relay, lease_ms, nonce, count, 1, 2)])


def _open(count: int = 0, relay: int = 0) -> bytes:
    return encode(NODE, messages.OPEN, [(relay, messages.TRIP_COMMAND, count)])


class Cabinet:
    """A node and a contactor that follows its coil; time in the node's 30-bit ticks."""

    def __init__(self, now_ms: int = 0, opened_at: int | None = 0, node: RelayNode | None = None) -> None:
        """`opened_at`: the count of the OPEN that arms it after its boot; None: none came yet."""
        self.node = node or RelayNode(NODE, NONCE)
        self.now_ms = now_ms
        self.closed = False
        self.node.step(now_ms, False)
        if opened_at is not None:
            self.node.feed(_open(opened_at))
            assert self.node.reply()

    def after(self, ms: int, data: bytes = b"", stuck: bool | None = None) -> bool:
        """Time passes, bytes arrive, the loop runs once. `stuck`: what the contact reads, whatever the coil does."""
        self.now_ms = (self.now_ms + ms) % TICKS
        self.node.feed(data)
        self.closed = self.node.step(self.now_ms, self.closed if stuck is None else stuck)
        return self.closed

    def state(self) -> dict[str, int]:
        """The node's own answer."""
        self.node.feed(encode(NODE, messages.ASK, [(messages.RELAY_STATE,)]))
        return _fields(self.node.reply(), messages.RELAY_STATE)


def _fields(answer: bytes, kind: int) -> dict[str, int]:
    receiver = Receiver()
    assert [receiver.feed(byte) for byte in answer][-1]
    assert (receiver.node(), receiver.kind()) == (NODE, kind)
    row = messages.row(kind)
    into = [0] * len(row[3])
    messages.dec(kind, receiver.buf, HEAD, into)
    return dict(zip(row[3], into, strict=True))


def test_a_node_boots_open_and_says_so() -> None:
    state = Cabinet(opened_at=None).state()
    assert (state["contact"], state["trip_cause"], state["lease_left_ms"]) == (0, messages.TRIP_BOOT, 0)


@pytest.mark.parametrize(("reset_cause", "trip"), [(1, 1), (2, 1), (messages.RESET_WATCHDOG, messages.TRIP_WATCHDOG)])
def test_after_a_boot_of_any_cause_a_permit_is_refused_until_an_open_came(reset_cause: int, trip: int) -> None:
    cabinet = Cabinet(opened_at=None, node=RelayNode(NODE, NONCE, reset_cause))
    assert not cabinet.after(0, _permit(1))
    assert (cabinet.state()["trip_cause"], cabinet.state()["refused"]) == (trip, 1)
    assert not cabinet.after(0, _open(2))
    assert cabinet.after(0, _permit(3))


def test_a_permit_energises_until_its_lease_ends_within_one_step() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    for _ in range(LEASE_MS - 1):
        assert cabinet.after(1)
    assert not cabinet.after(1)
    assert cabinet.state()["trip_cause"] == messages.TRIP_LEASE


def test_permits_renewed_in_time_keep_the_contact_closed_over_the_wrap_of_count_and_ticks() -> None:
    cabinet = Cabinet(now_ms=TICKS - 5000, opened_at=65_499)
    for count in range(65_500, 65_600):
        assert cabinet.after(150, _permit(count & 0xFFFF))


def test_ten_thousand_forged_replayed_and_damaged_permits_never_energise() -> None:
    chance = random.Random(9)
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(999))
    assert not cabinet.after(LEASE_MS)
    assert not cabinet.after(0, _open(1000))  # armed: nothing but the frames themselves keeps it open
    old = [_permit(count) for count in (*range(900, 1001), (1000 - 0x7FFF) & 0xFFFF, (1000 + 0x8000) & 0xFFFF)]
    for number in range(10_000):
        kind = chance.randrange(6)
        if kind == 0:
            data = chance.choice(old)
        elif kind == 1:
            data = _permit(chance.randrange(65536), nonce=(NONCE + chance.randrange(1, 65536)) & 0xFFFF)
        elif kind == 2:
            data = _permit(1001, relay=chance.randrange(1, 256))
        elif kind == 3:
            data = _permit(1001, node=chance.choice([other for other in range(1, 256) if other != NODE]))
        elif kind == 4:
            data = _permit(1001, lease_ms=chance.choice([0, LEASE_MAX_MS + 1, 65535]))
        else:
            hurt = bytearray(_permit(1001))
            for at in chance.sample(range(1, len(hurt) - 1), chance.randrange(1, 3)):
                hurt[at] ^= chance.randrange(1, 256)
            data = bytes(hurt)
        assert not cabinet.after(chance.randrange(50), data), f"number {number}, kind {kind}: {data.hex()}"
    assert cabinet.state()["refused"] > 1000
    assert cabinet.after(1, _permit(1001))  # it was not deaf


@pytest.mark.parametrize("days", [6.2, 6.3, 12.4, 12.5, 24.9, 25.0])
@pytest.mark.parametrize("step_ms", [10_000, 3_600_000])
def test_no_length_of_silence_gives_power_back(days: float, step_ms: int) -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    for _ in range(int(days * DAY_MS) // step_ms):
        assert not cabinet.after(step_ms)
    assert not cabinet.after(0, _permit(2))
    assert not cabinet.after(0, _open(3))
    assert not cabinet.after(0, _permit(1))
    assert cabinet.after(0, _permit(4))


@pytest.mark.parametrize("silence_ms", [int(6.3 * DAY_MS), int(12.5 * DAY_MS), TICKS // 2, TICKS - 1])
def test_a_loop_that_stood_still_does_not_find_its_lease_alive(silence_ms: int) -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    assert not cabinet.after(silence_ms)


def test_a_clock_that_steps_back_ends_the_lease() -> None:
    cabinet = Cabinet(now_ms=10_000)
    assert cabinet.after(0, _permit(1))
    assert not cabinet.after(-1)


def test_after_its_lease_ran_out_a_newer_permit_alone_does_not_close_again() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    assert not cabinet.after(LEASE_MS)
    assert not cabinet.after(0, _permit(2))
    assert not cabinet.after(0, _open(3))
    assert cabinet.after(0, _permit(4))


def test_open_opens_in_the_same_step_whatever_its_count() -> None:
    for count in (0, 4, 5, 6, 0x8005):
        cabinet = Cabinet()
        assert cabinet.after(0, _permit(5))
        assert not cabinet.after(0, _open(count))
        assert cabinet.state()["trip_cause"] == messages.TRIP_COMMAND
        assert not cabinet.after(0, _permit(5))


def test_only_a_permit_newer_than_the_open_closes_again() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(5))
    assert not cabinet.after(0, _open(9))
    for count in (5, 6, 8, 9):
        assert not cabinet.after(0, _permit(count))
    assert cabinet.after(0, _permit(10))


def test_open_for_another_relay_is_not_for_this_one() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    assert cabinet.after(0, _open(2, relay=1))


@pytest.mark.parametrize("reads", [False, True])
def test_a_contact_that_does_not_follow_trips_and_only_an_open_arms_again(reads: bool) -> None:
    cabinet = Cabinet()
    count = 1
    if not reads:  # the coil is on and the contact stays open
        assert cabinet.after(0, _permit(count), stuck=False)
    for _ in range(MISMATCH_MS + 2):
        cabinet.after(1, stuck=reads)
    assert not cabinet.node.coil
    state = cabinet.state()
    assert (state["contact"], state["trip_cause"]) == (messages.CONTACT_MISMATCH, messages.TRIP_READ_BACK)
    assert not cabinet.after(1, _permit(count + 1), stuck=False)
    assert not cabinet.after(1, _open(count + 2), stuck=False)
    assert cabinet.after(1, _permit(count + 3), stuck=False)


def test_a_contactor_that_travels_for_less_than_the_limit_does_not_trip() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1), stuck=False)
    assert cabinet.after(1, stuck=False)
    assert cabinet.after(MISMATCH_MS, stuck=False)
    assert cabinet.after(1, stuck=True)
    assert cabinet.state()["contact"] == messages.CONTACT_CLOSED


def test_every_permit_and_open_is_answered_with_the_state_accepted_or_not() -> None:
    cabinet = Cabinet()
    for data, count, refused in ((_permit(1), 1, 0), (_permit(1), 1, 1), (_open(2), 2, 1), (_permit(7, 1), 2, 2)):
        cabinet.node.feed(data)
        state = _fields(cabinet.node.reply(), messages.RELAY_STATE)
        assert (state["count"], state["refused"], state["boot_nonce"]) == (count, refused, NONCE)
        assert cabinet.node.reply() == b""


def test_hello_names_the_boot_and_another_node_is_not_answered() -> None:
    cabinet = Cabinet()
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.HELLO,)]))
    hello = _fields(cabinet.node.reply(), messages.HELLO)
    assert (hello["node_type"], hello["boot_nonce"]) == (messages.RELAY_NODE, NONCE)
    cabinet.node.feed(encode(NODE + 1, messages.ASK, [(messages.HELLO,)]))
    assert cabinet.node.reply() == b""


# what the lease has, what comes, accepted
GRANTS = [
    (None, 0, True), (None, 65535, True), (7, 7, False), (7, 8, True), (7, 6, False), (65535, 0, True),
    (0, 0x7FFF, True), (0, 0x8000, False), (0, 0xFFFF, False), (40_000, 7231, True), (40_000, 7232, False),
]  # fmt: skip


@pytest.mark.parametrize(("had", "comes", "accepted"), GRANTS)
def test_a_count_is_newer_within_half_the_circle_ahead(had: int | None, comes: int, accepted: bool) -> None:
    lease = Lease(NONCE)
    if had is not None:
        assert lease.grant(100, NONCE, had)
        lease.pass_ms(100)
    assert lease.grant(100, NONCE, comes & 0xFFFF) is accepted
    assert (lease.left_ms > 0) is accepted
