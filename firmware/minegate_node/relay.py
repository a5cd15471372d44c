"""The relay node: the contact is closed only while a fresh lease runs. A plain loop calls `feed` and `step`.

Off at boot, when the lease ends, on OPEN, and when the contact does not follow the coil. After a contact fault only
an explicit OPEN followed by a newer PERMIT arms it again.
"""

from minegate_node.lease import Lease
from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver, encode
from minegate_wire.messages import dec

_TICKS_MASK = (1 << 30) - 1  # the tick period of a 32-bit MicroPython
MISMATCH_MS = 200  # a contactor's travel; longer than that it does not follow
FIRMWARE = 1


class RelayNode:
    """Relay 0 of node `address`. `boot_nonce` must differ from boot to boot: a PERMIT names it."""

    def __init__(self, address: int, boot_nonce: int, reset_cause: int = 0) -> None:
        self.address = address
        self.lease = Lease(boot_nonce)
        self.trip_cause = messages.TRIP_BOOT
        self.coil = False
        self.contact = messages.CONTACT_OPEN
        self.refused = 0
        self._reset_cause = reset_cause
        self._receiver = Receiver()
        self._fields = [0] * 8
        self._reply = b""
        self._last_ms = -1
        self._differs_ms = -1  # -1: the contact is as the coil says
        self._since_ms = 0
        self._faulty = False

    def feed(self, data: bytes | bytearray) -> None:
        """Bytes of the line as they come."""
        for byte in data:
            if self._receiver.feed(byte) and self._receiver.node() == self.address:
                self._take(self._receiver.kind())

    def step(self, now_ms: int, read_back_closed: bool) -> bool:
        """Once per loop: `read_back_closed` is the contact as measured. Returns whether the coil is to be energised."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        self._since_ms = min(self._since_ms + elapsed_ms, 65535000)
        held = self.lease.left_ms > 0
        self.lease.pass_ms(elapsed_ms)
        if held and self.lease.left_ms == 0:
            self._trip(messages.TRIP_LEASE)
        self._compare(elapsed_ms, read_back_closed)
        self.coil = self.lease.left_ms > 0 and not self._faulty
        return self.coil

    def reply(self) -> bytes:
        """What is to be sent now; empty if nothing was asked."""
        out = self._reply
        self._reply = b""
        return out

    def _take(self, kind: int) -> None:
        if self._receiver.count() != 1:
            return
        fields = self._fields
        dec(kind, self._receiver.buf, HEAD, fields)
        if kind == messages.PERMIT:
            self._permit(fields)
        elif kind == messages.OPEN and fields[0] == 0:
            self._open(fields)
        elif kind == messages.ASK and fields[0] == messages.HELLO:
            hello = (messages.RELAY_NODE, messages.WIRE_VERSION, FIRMWARE, self.lease.boot_nonce, 1, self._reset_cause)
            self._reply = encode(self.address, messages.HELLO, (hello,))
            return
        elif kind != messages.ASK or fields[0] != messages.RELAY_STATE:
            return
        self._reply = encode(self.address, messages.RELAY_STATE, (self._state(),))

    def _permit(self, fields: list) -> None:
        relay, lease_ms, boot_nonce, count = fields[0], fields[1], fields[2], fields[3]
        if relay != 0 or self._faulty or not self.lease.grant(lease_ms, boot_nonce, count):
            self.refused = min(self.refused + 1, 65535)
        elif self.trip_cause != messages.TRIP_NONE:
            self.trip_cause = messages.TRIP_NONE
            self._since_ms = 0

    def _open(self, fields: list) -> None:
        self.lease.revoke(fields[2])
        self.coil = False
        # OPEN comes many times a second until the contact is read back open: it must not restart the measurement of how
        # long a welded contact has not followed, nor take that fault away while it lasts
        if self._faulty and self._differs_ms >= 0:
            return
        self._faulty = False
        self._trip(messages.TRIP_COMMAND)

    def _trip(self, cause: int) -> None:
        self.lease.left_ms = 0
        self.coil = False
        if self.trip_cause != cause:
            self.trip_cause = cause
            self._since_ms = 0

    def _compare(self, elapsed_ms: int, read_back_closed: bool) -> None:
        self.contact = messages.CONTACT_CLOSED if read_back_closed else messages.CONTACT_OPEN
        if read_back_closed == self.coil:
            self._differs_ms = -1
            return
        # counted from the step that first saw it: the time before the coil changed is not the contact's
        self._differs_ms = 0 if self._differs_ms < 0 else min(self._differs_ms + elapsed_ms, 65535)
        if self._differs_ms > MISMATCH_MS:
            self.contact = messages.CONTACT_MISMATCH
            self._faulty = True
            self._trip(messages.TRIP_READ_BACK)

    def _state(self) -> tuple:
        lease = self.lease
        age_s = min(self._since_ms // 1000, 65535)
        return (0, self.contact, self.trip_cause, lease.left_ms, lease.boot_nonce, lease.count, age_s, self.refused)
