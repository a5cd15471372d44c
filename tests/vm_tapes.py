"""Tapes for firmware/vm/programs/tape.py: lives of a relay node, made from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from minegate_node.lease import LEASE_MAX_MS
from minegate_wire import messages
from minegate_wire.can_frames import segment, segments
from minegate_wire.frame import Frame, encode
from minegate_wire.seal import Seal, encode_signed

NODE, NONCE, LEASE_MS = 9, 48879, 600
KEY, SESSION = "000102030405060708090a0b0c0d0e0f", "0123456789abcdef"
TICKS = 1 << 30
Event = list[object]


class Gateway:
    """Frames as the gateway of a node makes them that has booted with `nonce` and, if they are sealed, `session`;
    `count` is the last one used.
    """

    def __init__(self, sealed: bool, count: int = 0, nonce: int = NONCE, session: str = SESSION) -> None:
        self.count = count
        self.nonce = nonce
        self._seal = Seal(bytes.fromhex(KEY), bytes.fromhex(session)) if sealed else None

    def permit(
        self, count: int, nonce: int | None = None, node: int = NODE, relay: int = 0, lease_ms: int = LEASE_MS
    ) -> bytes:
        """PERMIT or SIGNED_PERMIT."""
        nonce = self.nonce if nonce is None else nonce
        if self._seal is None:
            return encode(node, messages.PERMIT, [(relay, lease_ms, nonce, count & 0xFFFF, 1, 2)])
        fields = (relay, lease_ms, nonce, count & 0xFFFF, count >> 16 & 0xFFFF, 1, 2)
        return encode_signed(node, messages.SIGNED_PERMIT, fields, self._seal)

    def open(self, count: int, relay: int = 0) -> bytes:
        """OPEN or SIGNED_OPEN."""
        if self._seal is None:
            return encode(NODE, messages.OPEN, [(relay, messages.TRIP_COMMAND, count & 0xFFFF)])
        fields = (relay, messages.TRIP_COMMAND, count & 0xFFFF, count >> 16 & 0xFFFF)
        return encode_signed(NODE, messages.SIGNED_OPEN, fields, self._seal)

    def next(self) -> int:
        """A count never used before."""
        self.count += 1
        return self.count


def boot(sealed: bool, signal: str = "", cause: int = 1) -> Event:
    """A node that has just been switched on."""
    return ["boot", NODE, NONCE, cause, 0, KEY if sealed else "", SESSION, signal]


def feed(data: bytes) -> Event:
    """Bytes of the serial line."""
    return ["feed", data.hex()]


def on_can(node: int, kind: int, row: tuple[int, ...], turn: int) -> list[Event]:
    """A frame in segments."""
    frame, into = Frame(), bytearray(8)
    frame.begin(node, kind)
    frame.add(row)
    frame.close()
    return [
        ["segment", into[: segment(frame.plain, frame.end, at, turn, into)].hex()] for at in range(segments(frame.end))
    ]


def hostile(sealed: bool, tries: int, seed: int) -> tuple[list[Event], list[int]]:
    """An armed node, one accepted PERMIT, then `tries` that are forged, replayed, damaged or stale, and at the end a
    good one; and after which lines it may be energised.
    """
    chance, gateway, now_ms = random.Random(seed), Gateway(sealed), 0
    tape = [boot(sealed), ["step", 0, 0], feed(gateway.open(998)), feed(gateway.permit(999)), ["step", 1, 0]]
    first = len(tape)
    tape += [["step", 1 + LEASE_MS, 0], feed(gateway.open(1000)), ["step", 2 + LEASE_MS, 0]]
    for frame in forged(gateway, sealed, tries, chance):
        now_ms = (now_ms + chance.randrange(50)) % TICKS
        tape += [feed(frame), ["step", 1000 + now_ms, 0]]
    tape += [feed(gateway.permit(1001)), ["step", 1000 + now_ms, 0]]
    return tape, [first, len(tape)]


def forged(gateway: Gateway, sealed: bool, tries: int, chance: random.Random) -> Iterator[bytes]:
    """Frames that a node must refuse whose last count is 1000, while a PERMIT of 1001 would be good."""
    kept = [gateway.permit(count) for count in range(900, 1001)]
    for _ in range(tries):
        yield _forged(chance, gateway, kept, sealed)


def _forged(chance: random.Random, gateway: Gateway, kept: list[bytes], sealed: bool) -> bytes:
    kind = chance.randrange(7)
    if kind == 0:
        return chance.choice(kept)
    if kind == 1:
        return gateway.permit(chance.randrange(65536), nonce=(gateway.nonce + chance.randrange(1, 65536)) & 0xFFFF)
    if kind == 2:
        return gateway.permit(1001, relay=chance.randrange(1, 256))
    if kind == 3:
        return gateway.permit(1001, node=chance.choice([other for other in range(1, 256) if other != NODE]))
    if kind == 4:
        return gateway.permit(1001, lease_ms=chance.choice([0, LEASE_MAX_MS + 1, 65535]))
    if kind == 5 and sealed:  # right in everything but the seal, or not sealed at all
        fields = (0, LEASE_MS, gateway.nonce, 1001, 0, 1, 2, *(chance.randrange(65536) for _ in range(3)))
        plain = encode(NODE, messages.PERMIT, [(0, LEASE_MS, gateway.nonce, 1001, 1, 2)])
        return chance.choice([encode(NODE, messages.SIGNED_PERMIT, [fields]), plain])
    hurt = bytearray(gateway.permit(1001))
    for at in chance.sample(range(1, len(hurt) - 1), chance.randrange(1, 3)):
        hurt[at] ^= chance.randrange(1, 256)
    return bytes(hurt)


def life(seed: int, events: int) -> list[Event]:
    """Anything that may happen to a node, much of it good: it is closed for a large part of its life."""
    chance = random.Random(seed)
    sealed, signal = chance.random() < 0.5, chance.choice(["", "loop", "hertz", "volts"])
    gateway, now_ms, closed = Gateway(sealed, chance.choice([0, 65400])), chance.choice([0, TICKS - 30_000]), 0
    tape = [boot(sealed, signal, chance.choice([0, 1, 2, 3, 5]))]
    while len(tape) < events:
        if signal and chance.random() < 0.5:
            tape.append(["raw", chance.choice([*_good(signal)] * 9 + [0, 65535, 30000, 9000])])
        tape += _event(chance, gateway)
        now_ms = (now_ms + chance.choice([1, 20, 100, 100, 150, 700 if chance.random() < 0.05 else 50])) % TICKS
        closed = chance.choice([closed, 1 - closed]) if chance.random() < 0.1 else 1
        tape.append(["step", now_ms, closed])
    return tape


def _good(signal: str) -> range:
    return {"loop": range(13000, 13400), "hertz": range(2200, 2400), "volts": range(14000, 15000)}[signal]


def _event(chance: random.Random, gateway: Gateway) -> list[Event]:
    kind = chance.randrange(20)
    if kind < 9:
        return [feed(gateway.permit(gateway.next()))]
    if kind < 12:
        return [feed(gateway.open(gateway.next()))]
    if kind == 12:
        return [feed(gateway.open(gateway.next(), relay=1)), feed(gateway.permit(gateway.count))]
    if kind == 13:
        return [feed(encode(chance.choice([NODE, 3]), messages.ASK, [(chance.randrange(14),)]))]
    if kind == 14:
        return [["bus", chance.choice([0, 0, 1])], feed(chance.randbytes(chance.randrange(200)))]
    if kind == 15:
        count = gateway.next() & 0xFFFF
        return on_can(NODE, messages.PERMIT, (0, LEASE_MS, NONCE, count, 1, 2), chance.randrange(2))
    if kind == 16:
        parts = on_can(NODE, messages.OPEN, (0, 3, gateway.next() & 0xFFFF), chance.randrange(2))
        return [*parts[chance.randrange(2) :], ["segment", chance.randbytes(chance.randrange(10)).hex()]]
    if kind == 17:
        rows = [(0, messages.TRIP_COMMAND, 1)] * chance.randrange(1, 4)
        return [feed(encode(NODE, messages.OPEN, rows)), ["bus", 0]]
    if kind == 18:
        signed = encode(NODE, messages.SIGNED_OPEN, [(0, 3, chance.randrange(65536), 0, 1, 2, 3)])
        return [feed(chance.choice([signed, encode(NODE, messages.OPEN, [(0, 3, 1)])]))]
    return [["bus", 0]]


def rare() -> list[Event]:
    """Each thing that chance seldom brings, once."""
    return [*_asked(), *_refused(sealed=False), *_refused(sealed=True), *_on_the_bus(), *_sensed()]


def _asked() -> list[Event]:
    """A sealed node that is asked for every kind, known or not, and one that has no key and no sensor."""
    asked = [feed(encode(NODE, messages.ASK, [(kind,)])) for kind in range(messages.MESSAGES[-1][0] + 2)]
    return [boot(True, "loop"), ["step", 0, 0], *asked, ["step", 5000, 0], *asked, boot(False), *asked]


def _refused(sealed: bool) -> list[Event]:
    """Replays, noise that looks like a frame, a contact that does not follow, a bus that goes off."""
    gateway = Gateway(sealed)
    opened, permitted = gateway.open(5), gateway.permit(6)
    tape = [boot(sealed), feed(gateway.open(1)), feed(gateway.permit(2)), ["step", 0, 0], ["step", LEASE_MS, 1]]
    tape += [["step", LEASE_MS, 0], feed(opened), feed(permitted), ["step", 700, 0], feed(permitted), ["step", 750, 1]]
    tape += [feed(opened), ["step", 750, 1], feed(gateway.permit(4)), feed(gateway.open(9)), feed(gateway.permit(10))]
    tape += [["step", 800, 0], ["step", 1100, 0], feed(gateway.open(11)), ["step", 1101, 1], ["step", 1500, 1]]
    tape += [feed(gateway.open(12)), feed(gateway.open(13, relay=1)), ["step", 1500, 0], feed(gateway.open(14))]
    tape += [feed(gateway.permit(15)), ["step", 1501, 0], ["bus", 1], ["step", 1502, 1], ["bus", 0], ["step", 1503, 0]]
    tape += [
        feed(encode(NODE, messages.OPEN, [(0, 3, 16)])),
        feed(encode(NODE, messages.PERMIT, [(0, 9, NONCE, 17, 1, 2)])),
    ]
    tape += [feed(encode(3, messages.ASK, [(messages.HELLO,)])), feed(encode(NODE, messages.ASK, [(2,), (2,)]))]
    noise = [b"", b"\1", b"\1\11", b"\2\11\1\2\3\4", b"\1\11\143\2\3\4", b"\1\11\4\2\3\4", b"\1" * 250]
    return tape + [feed(b"\0" + bytes([min(len(plain) + 1, 255)]) + plain + b"\0") for plain in noise]


def _on_the_bus() -> list[Event]:
    """Segments twice, out of order, of two frames, damaged, too short, too long, and right."""
    opened = on_can(NODE, messages.OPEN, (0, 3, 1), 0)
    first, second, third = on_can(NODE, messages.PERMIT, (0, LEASE_MS, NONCE, 2, 1, 2), 1)
    damaged: Event = ["segment", str(third[1])[:-1] + "f"]
    short: Event = ["segment", "800102"]
    tape = [boot(False), *opened, first, first, third, first, second, damaged, short, ["segment", ""], *opened]
    long = [["segment", f"{0x80 if at == 0 else 0:02x}".replace("00", f"{at:02x}") + "00" * 7] for at in range(19)]
    return [*tape, *long, first, second, third, ["step", 0, 0]]


def _sensed() -> list[Event]:
    """Each way to read a sensor: missing, good, over the limit, out of range, stuck, stale, good again."""
    tape: list[Event] = []
    over = {"loop": 40_000, "hertz": 7000, "volts": 40_000}
    for signal in ("loop", "hertz", "volts"):
        gateway, good = Gateway(False), _good(signal)[0]
        tape += [boot(False, signal), ["step", 0, 0], ["raw", good], ["step", 10, 0], feed(gateway.open(1))]
        tape += [feed(gateway.permit(2)), ["step", 20, 0], ["raw", over[signal]], ["step", 30, 1], ["raw", good + 1]]
        tape += [["step", 40, 0], feed(gateway.open(3)), feed(gateway.permit(4)), ["step", 50, 0]]
        tape += [event for raw in (-1, 0, 65535, 65536) for event in (["raw", raw], ["step", 60, 1])]
        tape += [["raw", good], ["step", 70, 0], ["step", 900, 0], ["raw", good], ["step", 29_000, 0], ["raw", good]]
        tape += [["step", 31_000, 0], ["step", 99_000, 0]]
    return tape
