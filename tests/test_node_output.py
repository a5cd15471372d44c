"""Gateway and relay node together, with a key: they find each other, and nobody between them can close the contact."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from heading import AREA, EXAMPLE, rules
from interlock_work import DEADLINE_S, NODE, Field, Interlock, Reader
from minegate_interlock.lines import Answer, Verb, What
from minegate_interlock.node_key import use_keys
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.rules import RulesError, load
from minegate_node.relay import RelayNode
from minegate_wire import messages
from minegate_wire.frame import Receiver, encode
from minegate_wire.seal import Seal
from relay_cabinet import RelayCabinet

RULES = rules()
OUTPUT = RULES.outputs[0]
KEY = bytes(range(16))
STEP_MS = 10


class Pair:
    """The interlock's side and the node, joined by two functions that may lose, keep, change and add bytes."""

    def __init__(self, gateway_key: bytes = KEY, node_key: bytes = KEY) -> None:
        self.gateway = NodeOutput(OUTPUT, RULES.timing, RULES.hash)
        if gateway_key:
            self.gateway.use_key(gateway_key)
        self.node_key = node_key
        self.down: Callable[[bytes], bytes] = lambda frame: frame
        self.up: Callable[[bytes], bytes] = lambda frame: frame
        self.permitted = False
        self.contact = False
        self.frames: list[bytes] = []
        self.now_ms = 0
        self.boots = 0
        self.boot()

    def boot(self) -> None:
        """The node starts, again."""
        self.boots += 1
        session = random.Random(self.boots).randbytes(8)
        seal = Seal(self.node_key, session) if self.node_key else None
        self.node = RelayNode(OUTPUT.node, 1000 + self.boots, seal=seal)

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            if self.now_ms % RULES.timing.tick_ms == 0:
                frame = self.gateway.send(self.permitted, False, self.now_ms)
                if frame:
                    self.frames.append(frame)
                self.node.feed(self.down(frame))
            self.contact = self.node.step(self.now_ms, self.contact)
            self.gateway.hear(self.up(self.node.reply()), self.now_ms)
            self.gateway.check(self.permitted, self.now_ms)


def _kinds(frames: list[bytes]) -> list[int]:
    receiver = Receiver()
    return [receiver.kind() for frame in frames for byte in frame if receiver.feed(byte)]


@pytest.mark.parametrize("key", [b"", KEY])
def test_before_its_first_permit_a_boot_of_the_node_hears_an_open(key: bytes) -> None:
    pair = Pair(key, key)
    pair.permitted = True  # from the first moment on, as after a restart of the gateway alone
    pair.run(1000)
    assert pair.contact
    assert pair.gateway.up
    permit, opening = (9, 10) if key else (messages.PERMIT, messages.OPEN)
    kinds = _kinds(pair.frames)
    assert kinds.index(opening) < kinds.index(permit)
    assert set(kinds) <= {messages.ASK, permit, opening}


@pytest.mark.parametrize("keys", [(KEY, bytes(16)), (KEY, b""), (b"", KEY)])
def test_with_another_key_or_none_the_contact_stays_open_and_the_output_is_down(keys: tuple[bytes, bytes]) -> None:
    pair = Pair(*keys)
    pair.permitted = True
    pair.run(5000)
    assert not pair.contact
    assert not pair.gateway.up


def test_a_cut_opens_and_a_reset_closes_again_for_hours_of_frames() -> None:
    pair = Pair()
    for _ in range(30):
        pair.permitted = True
        pair.run(2000)
        assert pair.contact
        pair.permitted = False
        pair.run(500)
        assert not pair.contact


def test_a_gateway_that_restarts_goes_on_after_the_last_sequence() -> None:
    pair = Pair()
    pair.permitted = True
    pair.run(60_000)
    last = pair.node.lease.count
    assert last > 300
    pair.gateway = NodeOutput(OUTPUT, RULES.timing, RULES.hash)
    pair.gateway.use_key(KEY)
    pair.run(2000)
    assert pair.contact
    assert pair.node.lease.count > last


def test_a_node_that_restarts_opens_and_its_new_session_is_asked() -> None:
    pair = Pair()
    pair.permitted = True
    pair.run(2000)
    pair.boot()
    pair.run(STEP_MS)
    assert not pair.contact
    pair.run(2000)
    assert pair.gateway.rebooted == 1
    assert pair.contact  # here nobody locks; in the engine a reboot is a loss and takes a person


def test_a_forged_session_opens_and_is_found_out() -> None:
    pair = Pair()
    pair.permitted = True
    pair.run(2000)
    forged = encode(OUTPUT.node, messages.SESSION, [(1001, 1, 2, 3, 4, 9, 0)])
    pair.gateway.hear(forged, pair.now_ms)
    pair.run(1000)
    pair.permitted = False
    pair.run(1000)
    pair.permitted = True
    pair.run(1000)
    assert pair.contact


def test_a_line_that_loses_every_second_frame_never_closes_what_is_not_permitted() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        pair = Pair()
        pair.down = pair.up = lambda frame, chance=chance: frame if chance.random() < 0.5 else b""  # type: ignore[misc]  # the seed of this turn
        for _ in range(20):
            pair.permitted = False
            pair.run(RULES.timing.lease_ms)
            for _ in range(50):
                pair.run(STEP_MS)
                assert not pair.contact, f"seed {seed}"
            pair.permitted = True
            pair.run(3000)


def test_ten_thousand_recorded_changed_and_delayed_frames_of_its_own_gateway_never_close_what_was_cut() -> None:
    """Whoever sits on the line has everything that was ever said on it, and the gateway goes on saying OPEN."""
    chance = random.Random(77)
    pair = Pair()
    pair.permitted = True
    pair.run(60_000)
    assert pair.contact
    pair.permitted = False
    pair.run(1000)
    recorded = list(pair.frames)
    for number in range(10_000):
        frame = bytearray(chance.choice(recorded))
        if chance.random() < 0.7:
            for at in chance.sample(range(1, len(frame) - 1), chance.randrange(1, 4)):
                frame[at] = chance.randrange(1, 256)
        pair.node.feed(bytes(frame))
        pair.run(STEP_MS)
        assert not pair.contact, f"number {number}"
    pair.permitted = True
    pair.run(1000)
    assert pair.contact  # neither side is deaf


def _site(folder: Path, key_text: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8").replace("power_on_lock_s = 60", "power_on_lock_s = 0")
    assert "[[output]]\n" in text
    rules_file = folder / "rules.toml"
    rules_file.write_text(text.replace("[[output]]\n", '[[output]]\nkey_file = "relay-1.key"\n', 1), encoding="utf-8")
    (folder / "relay-1.key").write_text(key_text, encoding="utf-8")
    (folder / "sim").mkdir()
    return rules_file


# what the key file holds, what the error says
UNFIT = [("", "0 bytes are not 16"), ("00" * 15, "15 bytes"), ("zz" * 16, "hexadecimal"), ("\u00e4" * 32, "key_file")]


@pytest.mark.parametrize(("text", "words"), UNFIT)
def test_a_key_file_that_holds_no_key_is_refused_without_showing_it(tmp_path: Path, text: str, words: str) -> None:
    own = load(_site(tmp_path, text).read_bytes(), "rules.toml")
    with pytest.raises(RulesError, match=words) as error:
        use_keys([NodeOutput(own.outputs[0], own.timing, own.hash)], tmp_path)
    assert not text or text not in str(error.value)


def test_a_key_file_that_is_not_there_ends_the_interlock_with_one_line(tmp_path: Path) -> None:
    rules_file = _site(tmp_path, "")
    (tmp_path / "relay-1.key").unlink()
    interlock = Interlock(rules_file.parent)
    assert "relay-1.key" in interlock.await_line("key_file")
    assert interlock.process.wait(DEADLINE_S) == 2
    interlock.end(signal.SIGTERM)  # only the pipe is left to close


def test_the_running_interlock_closes_a_node_that_has_its_key(tmp_path: Path) -> None:
    rules_file = _site(tmp_path, KEY.hex() + "\n")
    with RelayCabinet(tmp_path / "sim" / "relay-1", NODE) as cabinet:
        with cabinet._lock:
            cabinet._node = RelayNode(NODE, 4711, seal=Seal(KEY, bytes(range(8))))
        interlock = Interlock(rules_file.parent)
        interlock.await_line("ready")
        field, reader = Field(interlock.run), Reader(interlock.run)
        reader.await_verdict(What.RESTORABLE)
        assert interlock.command(Verb.RESET) == Answer(1, f"{AREA}: power is permitted")
        reader.await_verdict(What.OUTPUT_CLOSED)
        assert cabinet.closed
        interlock.command(Verb.CUT)
        assert cabinet.await_contact(False, 2.0)
        field.close()
        reader.close()
        interlock.end(signal.SIGTERM)
