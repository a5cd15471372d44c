"""One relay node, sans I/O: what to send it now, and what its answers mean.

While power is permitted a PERMIT goes out every `renew_ms`; from a cut on OPEN goes out at once and every tick until
the contact is read back open, then every `renew_ms`. Whoever hears nothing does nothing, and the lease runs out.

With a key, PERMIT and OPEN are sealed for the session that the node drew at its boot (minegate_wire/seal.py), and an
OPEN is sent plain only while that session is not known: it opens all the same. Before a boot of the node hears its
first PERMIT it is sent an OPEN, which arms what the boot had latched.
"""

from __future__ import annotations

import math

from minegate_interlock.terms import FanOutput, Output, Timing
from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver, encode
from minegate_wire.seal import Seal, encode_signed

SILENT = 255  # AreaState.contact of a node that does not answer
_FIELDS = 8
_SEQUENCE_MAX = 0xFFFFFFFF
_NO_SESSION = bytes(8)
_COUNT_AHEAD_MAX = 0x3FFF  # well inside the node's window of 0x7FFF, far above what is ever on its way


class NodeOutput:
    """The interlock's side of one relay node. `up`: it answers, and its contact does as it was told."""

    def __init__(self, output: Output | FanOutput, timing: Timing, rules_hash: bytes) -> None:
        self.output = output
        self.up = False
        self.contact = SILENT
        self.lease_left_ms = 0
        self.trip_cause = 0
        self.rebooted = 0
        self._timing = timing
        self._rules = (int.from_bytes(rules_hash[0:2], "little"), int.from_bytes(rules_hash[2:4], "little"))
        self._receiver = Receiver()
        self._boot_nonce: int | None = None
        self._count = 0  # 16 bits on a circle; sealed: a sequence of 32 bits that never wraps
        self._refused = 0
        self._seal: Seal | None = None
        self._session_known = False
        self._opened = False  # this boot of the node was sent an OPEN
        self._heard_ms = -math.inf
        self._sent_ms = -math.inf
        self._closed_since_ms: float = math.inf
        self._open_since_ms: float = math.inf
        self._followed = False

    def use_key(self, key: bytes) -> None:
        """From now on everything is sealed. ValueError if it has not 16 bytes."""
        self._seal = Seal(key, _NO_SESSION)

    def send(self, permitted: bool, urgent: bool, now_ms: int) -> bytes:
        """The frame that is due at `now_ms`, or b"". `urgent`: the judge has just changed its mind."""
        opening = not permitted and self.contact not in (messages.CONTACT_OPEN, SILENT)
        if not (urgent or opening or now_ms - self._sent_ms >= self._timing.renew_ms):
            return b""
        self._sent_ms = now_ms
        node, relay = self.output.node, self.output.relay
        if self._boot_nonce is None:
            return encode(node, messages.ASK, ((messages.RELAY_STATE,),))
        if self._seal is not None and not self._session_known and not opening:
            return encode(node, messages.ASK, ((messages.SESSION,),))
        if permitted and self._opened:
            return self._permit(self._boot_nonce)
        return self._open(relay)

    def _permit(self, boot_nonce: int) -> bytes:
        node, start = self.output.node, (self.output.relay, self._timing.lease_ms, boot_nonce)
        if self._seal is None:
            self._count = (self._count + 1) & 0xFFFF
            return encode(node, messages.PERMIT, ((*start, self._count, *self._rules),))
        if self._count == _SEQUENCE_MAX:  # decades of one session: power goes off until the node restarts
            return b""
        self._count += 1
        fields = (*start, self._count & 0xFFFF, self._count >> 16, *self._rules)
        return encode_signed(node, messages.SIGNED_PERMIT, fields, self._seal)

    def _open(self, relay: int) -> bytes:
        node, cause = self.output.node, messages.TRIP_COMMAND
        if self._seal is None or not self._session_known or self._count == _SEQUENCE_MAX:
            self._opened = self._seal is None
            self._count = (self._count + 1) & 0xFFFF if self._seal is None else self._count
            return encode(node, messages.OPEN, ((relay, cause, self._count & 0xFFFF),))
        self._opened = True
        self._count += 1
        fields = (relay, cause, self._count & 0xFFFF, self._count >> 16)
        return encode_signed(node, messages.SIGNED_OPEN, fields, self._seal)

    def hear(self, data: bytes, now_ms: int) -> bool:
        """Take bytes of the line. True if the node has told its state."""
        told = False
        for byte in data:
            if self._receiver.feed(byte) and self._receiver.node() == self.output.node:
                told = self._state(now_ms) or told
                self._session()
        return told

    def check(self, permitted: bool, now_ms: int) -> bool:
        """Judge at `now_ms` whether the node is up; return it. Losing a node that may hold a lease is not being up."""
        # before the node's lease can have run out: a node that opened by itself must not be permitted again unseen
        silent = not now_ms - self._heard_ms <= self._timing.lease_ms - self._timing.tick_ms
        if silent:
            self.contact, self.lease_left_ms = SILENT, 0
        disobeys = self.contact == messages.CONTACT_MISMATCH or self._differs(permitted, now_ms)
        known = self._boot_nonce is not None and (self._seal is None or self._session_known)
        self.up = known and not silent and not disobeys
        return self.up

    def _differs(self, permitted: bool, now_ms: int) -> bool:
        """The contact was given time and is not as told. One that has followed and opened by itself (its lease ran
        out, its coil failed) differs at once: it must not close again without a person.
        """
        closed, opened = self.contact == messages.CONTACT_CLOSED, self.contact == messages.CONTACT_OPEN
        self._followed = permitted and (self._followed or closed)
        self._closed_since_ms = min(self._closed_since_ms, now_ms) if closed and not permitted else math.inf
        self._open_since_ms = min(self._open_since_ms, now_ms) if opened and permitted else math.inf
        if self._followed and opened:
            return True
        return not now_ms - min(self._closed_since_ms, self._open_since_ms) <= self._timing.lease_ms

    def _state(self, now_ms: int) -> bool:
        if self._receiver.kind() != messages.RELAY_STATE or self._receiver.count() != 1:
            return False
        fields = [0] * _FIELDS
        messages.dec(messages.RELAY_STATE, self._receiver.buf, HEAD, fields)
        relay, contact, trip_cause, lease_left_ms, boot_nonce, count, _, refused = fields
        if relay != self.output.relay or contact > messages.CONTACT_MISMATCH:
            return False
        self._keep_up(boot_nonce, count, refused)
        self.contact, self.trip_cause, self.lease_left_ms = contact, trip_cause, lease_left_ms
        self._heard_ms = now_ms
        return True

    def _keep_up(self, boot_nonce: int, count: int, refused: int) -> None:
        """Boot, count and session of the node, as its state tells them."""
        if boot_nonce != self._boot_nonce:
            self.rebooted += self._boot_nonce is not None
            self._boot_nonce = boot_nonce
            self._session_known = self._opened = False
            # go on from the node's count: a gateway that restarts must not be older than its own last PERMIT
            self._count = count
        elif self._seal is not None:
            if refused != self._refused and count != self._count & 0xFFFF:
                self._session_known = False  # it refuses what we seal: ask again what for
        elif (self._count - count) & 0xFFFF > _COUNT_AHEAD_MAX:
            # hours of frames that nobody heard: half the circle further, and the node would take them for old ones
            self._count = count
        self._refused = refused

    def _session(self) -> None:
        """The session of this boot. One that somebody forged makes seals that the node refuses, and is asked again."""
        if self._seal is None or self._receiver.kind() != messages.SESSION or self._receiver.count() != 1:
            return
        fields = [0] * _FIELDS
        messages.dec(messages.SESSION, self._receiver.buf, HEAD, fields)
        if fields[0] != self._boot_nonce:
            return
        self._seal.session = b"".join(limb.to_bytes(2, "little") for limb in fields[1:5])
        self._count = max(self._count if self._session_known else 0, fields[5] | fields[6] << 16)
        self._session_known = True
