"""With a key, nobody but its gateway closes the contact or arms it again; anybody may open it."""

from __future__ import annotations

import random

import pytest

from minegate_node.lease import LEASE_MAX_MS
from minegate_node.relay import RelayNode
from minegate_wire import messages
from minegate_wire.frame import encode
from minegate_wire.seal import Seal, encode_signed
from test_relay_node import LEASE_MS, NODE, NONCE, Cabinet, _fields, _open, _permit

KEY, SESSION = bytes(range(16)), bytes(range(8, 16))
OURS = Seal(KEY, SESSION)


def _sealed(sequence: int, lease_ms: int = LEASE_MS, nonce: int = NONCE, node: int = NODE, seal: Seal = OURS) -> bytes:
    fields = (0, lease_ms, nonce, sequence & 0xFFFF, sequence >> 16, 1, 2)
    return encode_signed(node, messages.SIGNED_PERMIT, fields, seal)


def _sealed_open(sequence: int, seal: Seal = OURS, relay: int = 0) -> bytes:
    fields = (relay, messages.TRIP_COMMAND, sequence & 0xFFFF, sequence >> 16)
    return encode_signed(NODE, messages.SIGNED_OPEN, fields, seal)


def _cabinet(armed_at: int | None = 1) -> Cabinet:
    cabinet = Cabinet(opened_at=None, node=RelayNode(NODE, NONCE, seal=Seal(KEY, SESSION)))
    if armed_at is not None:
        assert not cabinet.after(0, _sealed_open(armed_at))
    return cabinet


def test_a_sealed_permit_of_this_session_closes_and_renews() -> None:
    cabinet = _cabinet()
    for sequence in (2, 3, 70_000, 70_001, 0x7FFF_FFFF, 0xFFFF_FFFF):  # a gap is no fault: hours without a node
        assert cabinet.after(150, _sealed(sequence))
    assert not cabinet.after(LEASE_MS, _sealed(0))  # the sequence does not turn over


def test_a_plain_permit_is_refused_and_a_plain_open_opens_without_arming() -> None:
    cabinet = _cabinet()
    assert not cabinet.after(0, _permit(2))
    assert cabinet.after(0, _sealed(2))
    assert not cabinet.after(0, _open(9))
    assert cabinet.after(0, _sealed(3))  # it was a command, nothing had latched
    assert not cabinet.after(LEASE_MS)
    assert not cabinet.after(0, _open(9))
    assert not cabinet.after(0, _sealed(4))
    assert not cabinet.after(0, _sealed_open(5))
    assert cabinet.after(0, _sealed(6))


def test_a_replayed_or_forged_sealed_open_opens_and_does_not_arm() -> None:
    for data in (_sealed_open(1), _sealed_open(9, Seal(bytes(16), SESSION)), _sealed_open(9, Seal(KEY, bytes(8)))):
        cabinet = _cabinet()
        assert cabinet.after(0, _sealed(2))
        assert not cabinet.after(0, data)
        assert cabinet.after(0, _sealed(10))
        assert not cabinet.after(LEASE_MS)
        assert not cabinet.after(0, data)
        assert not cabinet.after(0, _sealed(11))


def test_a_node_without_a_key_takes_no_sealed_permit() -> None:
    cabinet = Cabinet()
    assert not cabinet.after(0, _sealed(1))
    assert cabinet.state()["refused"] == 1


def test_a_node_without_a_key_opens_on_a_sealed_open_and_tells_no_session() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    assert not cabinet.after(0, _sealed_open(1))
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.SESSION,)]))
    assert cabinet.node.reply() == b""


def test_the_session_tells_the_eight_bytes_of_this_boot_and_the_last_sequence() -> None:
    cabinet = _cabinet()
    assert cabinet.after(0, _sealed(0x0003_0002))
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.SESSION,)]))
    told = _fields(cabinet.node.reply(), messages.SESSION)
    limbs = [told[f"session_{limb}"] for limb in range(4)]
    assert b"".join(limb.to_bytes(2, "little") for limb in limbs) == SESSION
    assert (told["boot_nonce"], told["sequence_low"], told["sequence_high"]) == (NONCE, 2, 3)


def _wrong(chance: random.Random, old: list[bytes], fresh: int) -> bytes:
    """One frame that must not energise: replayed, forged, of another boot or key, damaged, stale."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.choice(old)
    if kind == 1:
        return _permit(chance.randrange(65536))
    if kind == 2:
        return _sealed(fresh, seal=Seal(chance.randbytes(16), SESSION))
    if kind == 3:
        return _sealed(fresh, seal=Seal(KEY, chance.randbytes(8)))
    if kind == 4:
        return _sealed(fresh, nonce=(NONCE + chance.randrange(1, 65536)) & 0xFFFF)
    if kind == 5:
        return _sealed(fresh, lease_ms=chance.choice([0, LEASE_MAX_MS + 1, 65535]))
    if kind == 6:  # every field right, the seal guessed
        fields = (0, LEASE_MS, NONCE, fresh & 0xFFFF, fresh >> 16, 1, 2, *(chance.randrange(65536) for _ in range(3)))
        return encode(NODE, messages.SIGNED_PERMIT, [fields])
    hurt = bytearray(_sealed(fresh))
    for at in chance.sample(range(1, len(hurt) - 1), chance.randrange(1, 4)):
        hurt[at] ^= chance.randrange(1, 256)
    return bytes(hurt)


def test_ten_thousand_forged_replayed_damaged_and_stale_permits_never_energise() -> None:
    chance = random.Random(2049)
    cabinet = _cabinet()
    old = [_sealed(sequence) for sequence in range(2, 102)]
    for data in old:
        assert cabinet.after(150, data)
    assert not cabinet.after(LEASE_MS)
    assert not cabinet.after(0, _sealed_open(102))  # armed: nothing but the frames themselves keeps it open
    for number in range(10_000):
        data = _wrong(chance, old, 103)
        assert not cabinet.after(chance.randrange(50), data), f"number {number}: {data.hex()}"
    assert cabinet.state()["refused"] > 5000
    assert cabinet.after(1, _sealed(103))  # it was not deaf


@pytest.mark.parametrize("nonce", [NONCE, NONCE + 1])
def test_after_a_reboot_no_frame_of_the_boot_before_is_good_even_if_its_nonce_comes_again(nonce: int) -> None:
    recorded = [_sealed_open(1), *(_sealed(sequence) for sequence in range(2, 50))]
    cabinet = Cabinet(opened_at=None, node=RelayNode(NODE, nonce, seal=Seal(KEY, bytes(reversed(SESSION)))))
    assert not any(cabinet.after(10, data) for data in recorded)
