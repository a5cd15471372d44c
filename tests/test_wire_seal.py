"""The seal: SipHash-2-4 as the paper and OpenSSL compute it, in limbs that stay small integers on a 32-bit board."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from minegate_wire import messages
from minegate_wire.frame import Receiver
from minegate_wire.seal import SEAL_BYTES, Seal, encode_signed
from minegate_wire.siphash import SipHash, _round

SIGNED = [
    vector
    for vector in json.loads((Path(__file__).parent / "golden" / "wire.json").read_text(encoding="utf-8"))
    if "key" in vector
]
KEY = bytes(range(16))
# length of the message 00 01 02 ..., sum under the key 00..0f: from the table that the authors publish with the paper
PUBLISHED = [(0, "310e0edd47db6f72"), (1, "fd67dc93c539f874"), (15, "e545be4961ca29a1"), (63, "724506eb4c328a95")]


def _sum(key: bytes, message: bytes) -> bytes:
    siphash = SipHash(key)
    siphash.begin()
    siphash.add(message, 0, len(message))
    siphash.finish()
    return b"".join(limb.to_bytes(2, "little") for limb in siphash.sum)


def _openssl(key: bytes, message: bytes) -> bytes:
    asked = ["openssl", "mac", "-macopt", f"hexkey:{key.hex()}", "-macopt", "size:8", "-in", "/dev/stdin", "SIPHASH"]
    return bytes.fromhex(subprocess.run(asked, input=message, capture_output=True, check=True).stdout.decode().strip())


@pytest.mark.parametrize(("length", "expected"), PUBLISHED)
def test_the_sum_is_the_published_one(length: int, expected: str) -> None:
    assert _sum(KEY, bytes(range(length))).hex() == expected


def test_the_sum_is_what_openssl_says_for_any_key_and_message() -> None:
    for seed in range(60):
        chance = random.Random(seed)
        key, message = chance.randbytes(16), chance.randbytes(chance.randrange(80))
        assert _sum(key, message) == _openssl(key, message), f"seed {seed}"


def test_a_message_may_come_in_parts() -> None:
    siphash = SipHash(KEY)
    siphash.add(b"of another sum", 0, 14)
    siphash.begin()
    for at in range(15):
        siphash.add(bytes(range(15)), at, at + 1)
    siphash.finish()
    assert siphash.sum == [0x45E5, 0x49BE, 0xCA61, 0xA129]


def test_no_step_of_a_round_leaves_the_small_integers_of_a_board() -> None:
    class Small(int):
        def _kept(self, value: int) -> Small:
            assert -(1 << 30) <= value < 1 << 30
            return Small(value)

        def __add__(self, other: int) -> Small:
            return self._kept(int(self) + int(other))

        def __lshift__(self, other: int) -> Small:
            return self._kept(int(self) << int(other))

        def __rshift__(self, other: int) -> Small:
            return self._kept(int(self) >> int(other))

        def __or__(self, other: int) -> Small:
            return self._kept(int(self) | int(other))

        def __xor__(self, other: int) -> Small:
            return self._kept(int(self) ^ int(other))

        def __and__(self, other: int) -> Small:
            return self._kept(int(self) & int(other))

    words = [Small(0xFFFF)] * 16
    for _ in range(50):
        _round(words)
    assert all(0 <= word <= 0xFFFF for word in words)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="key length"):
        SipHash(bytes(length))


def test_a_session_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="session length"):
        Seal(KEY, bytes(7))


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["what"])
def test_a_golden_seal_is_made_and_is_right_by_openssl(vector: dict) -> None:  # type: ignore[type-arg]  # a JSON object
    key, session = bytes.fromhex(vector["key"]), bytes.fromhex(vector["session"])
    fields = tuple(vector["rows"][0][:-3])
    frame = encode_signed(vector["node"], vector["kind"], fields, Seal(key, session))
    assert frame.hex() == vector["frame"]
    receiver = Receiver()
    assert [receiver.feed(byte) for byte in frame][-1]
    end = receiver.length - 2
    covered = bytes(receiver.buf[: end - SEAL_BYTES])
    assert bytes(receiver.buf[end - SEAL_BYTES : end]) == _openssl(key, session + covered)[:SEAL_BYTES]


def test_one_changed_bit_of_frame_session_or_key_breaks_the_seal() -> None:
    receiver = Receiver()
    session = bytes(range(8))
    fields = (0, 600, 48879, 1, 0, 2, 3)
    for byte in encode_signed(9, messages.SIGNED_PERMIT, fields, Seal(KEY, session)):
        receiver.feed(byte)
    end = receiver.length - 2
    plain = bytes(receiver.buf[:end])
    assert Seal(KEY, session).good(plain, end)
    for bit in range(8 * end):
        hurt = bytearray(plain)
        hurt[bit >> 3] ^= 1 << (bit & 7)
        assert not Seal(KEY, session).good(hurt, end)
    for bit in range(64):
        other = (int.from_bytes(session, "little") ^ 1 << bit).to_bytes(8, "little")
        assert not Seal(KEY, other).good(plain, end)
    for bit in range(128):
        key = (int.from_bytes(KEY, "little") ^ 1 << bit).to_bytes(16, "little")
        assert not Seal(key, session).good(plain, end)
