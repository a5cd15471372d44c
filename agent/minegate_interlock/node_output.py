"""One relay node, sans I/O: what to send it now, and what its answers mean.

While power is permitted a PERMIT goes out every `renew_ms`; from a cut on OPEN goes out at once and every tick until
the contact is read back open, then every `renew_ms`. Whoever hears nothing does nothing, and the lease runs out.

With a key, PERMIT and OPEN are sealed for the session that the node drew at its boot (minegate_wire/seal.py), and an
OPEN is sent plain only while that session is not known: it opens all the same. Before a boot of the node hears its
first PERMIT it is sent an OPEN, which arms what the boot had latched.
"""

from __future__ import annotations

import math

from minegate_interlock.node_wire import CanWire, NodeWire, SerialWire
from minegate_interlock.outlet import SILENT, Following
from minegate_interlock.output_kinds import CAN_NODE, AnyOutput
from minegate_interlock.terms import Timing
from minegate_wire import messages
from minegate_wire.frame import HEAD, Frame, Received
from minegate_wire.seal import Seal

_FIELDS = 8
_SEQUENCE_MAX = 0xFFFFFFFF
_NO_SESSION = bytes(8)
_COUNT_AHEAD_MAX = 0x3FFF  # well inside the node's window of 0x7FFF, far above what is ever on its way


class NodeOutput:
    """See Outlet. A bus that is off is a loss at once, whatever is left of a lease."""

    def __init__(self, output: AnyOutput, timing: Timing, rules_hash: bytes) -> None:
        self.output = output
        self.up = False
        self.disobeys = False
        self.contact = SILENT
        self.lease_left_ms = 0
        self.trip_cause = 0
        self.rebooted = 0
        self._timing = timing
        self._rules = (int.from_bytes(rules_hash[0:2], "little"), int.from_bytes(rules_hash[2:4], "little"))
        self._wire: NodeWire = CanWire(output.node) if output.kind == CAN_NODE else SerialWire()
        self._frame = Frame()
        self._boot_nonce: int | None = None
        self._count = 0  # 16 bits on a circle; sealed: a sequence of 32 bits that never wraps
        self._refused = 0
        self._seal: Seal | None = None
        self._session_known = False
        self._opened = False  # this boot of the node was sent an OPEN
        self._heard_ms = -math.inf
        self._sent_ms = -math.inf
        self._following = Following(timing.lease_ms)

    @property
    def trouble(self) -> str:
        """See Outlet."""
        return self._wire.trouble

    def use_key(self, key: bytes) -> None:
        """From now on everything is sealed. ValueError if it has not 16 bytes."""
        self._seal = Seal(key, _NO_SESSION)

    def send(self, permitted: bool, urgent: bool, now_ms: int) -> bytes:
        """See Outlet."""
        opening = not permitted and self.contact not in (messages.CONTACT_OPEN, SILENT)
        if not (urgent or opening or now_ms - self._sent_ms >= self._timing.renew_ms):
            return b""
        self._sent_ms = now_ms
        if self._boot_nonce is None:
            return self._framed(messages.ASK, (messages.RELAY_STATE,))
        if self._seal is not None and not self._session_known and not opening:
            return self._framed(messages.ASK, (messages.SESSION,))
        if permitted and self._opened:
            return self._permit(self._boot_nonce)
        return self._open(self.output.relay)

    def _framed(self, kind: int, fields: tuple[int, ...], seal: Seal | None = None) -> bytes:
        """One frame of one row, as its wire carries it; under `seal`, whose bytes come behind `fields`."""
        frame = self._frame
        frame.begin(self.output.node, kind)
        frame.add(fields if seal is None else (*fields, 0, 0, 0))
        if seal is not None:
            seal.put(frame.plain, frame.end)
        frame.close()
        return self._wire.put(frame)

    def _permit(self, boot_nonce: int) -> bytes:
        start = (self.output.relay, self._timing.lease_ms, boot_nonce)
        if self._seal is None:
            self._count = (self._count + 1) & 0xFFFF
            return self._framed(messages.PERMIT, (*start, self._count, *self._rules))
        if self._count == _SEQUENCE_MAX:  # decades of one session: power goes off until the node restarts
            return b""
        self._count += 1
        fields = (*start, self._count & 0xFFFF, self._count >> 16, *self._rules)
        return self._framed(messages.SIGNED_PERMIT, fields, self._seal)

    def _open(self, relay: int) -> bytes:
        cause = messages.TRIP_COMMAND
        if self._seal is None or not self._session_known or self._count == _SEQUENCE_MAX:
            self._opened = self._seal is None
            self._count = (self._count + 1) & 0xFFFF if self._seal is None else self._count
            return self._framed(messages.OPEN, (relay, cause, self._count & 0xFFFF))
        self._opened = True
        self._count += 1
        fields = (relay, cause, self._count & 0xFFFF, self._count >> 16)
        return self._framed(messages.SIGNED_OPEN, fields, self._seal)

    def hear(self, data: bytes, now_ms: int) -> bool:
        """See Outlet."""
        told = False
        for received in self._wire.heard(data):
            if received.node() == self.output.node and received.count() == 1:
                told = self._state(received, now_ms) or told
                self._session(received)
        return told

    def lost(self) -> None:
        """See Outlet."""
        self.contact, self._heard_ms = SILENT, -math.inf  # what it said last is not known to be so any more

    def check(self, permitted: bool, now_ms: int) -> bool:
        """See Outlet. Losing a node that may hold a lease is not being up."""
        # before the node's lease can have run out: a node that opened by itself must not be permitted again unseen
        silent = self._wire.off or not now_ms - self._heard_ms <= self._timing.lease_ms - self._timing.tick_ms
        if silent:
            self.contact, self.lease_left_ms = SILENT, 0
        differs = self._following.differs(permitted, self.contact, now_ms)
        self.disobeys = differs or self.contact == messages.CONTACT_MISMATCH
        known = self._boot_nonce is not None and (self._seal is None or self._session_known)
        self.up = known and not silent and not self.disobeys
        return self.up

    def _state(self, received: Received, now_ms: int) -> bool:
        if received.kind() != messages.RELAY_STATE:
            return False
        fields = [0] * _FIELDS
        messages.dec(messages.RELAY_STATE, received.buf, HEAD, fields)
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

    def _session(self, received: Received) -> None:
        """The session of this boot. One that somebody forged makes seals that the node refuses, and is asked again."""
        if self._seal is None or received.kind() != messages.SESSION:
            return
        fields = [0] * _FIELDS
        messages.dec(messages.SESSION, received.buf, HEAD, fields)
        if fields[0] != self._boot_nonce:
            return
        self._seal.session = b"".join(limb.to_bytes(2, "little") for limb in fields[1:5])
        self._count = max(self._count if self._session_known else 0, fields[5] | fields[6] << 16)
        self._session_known = True
