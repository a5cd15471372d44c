"""The relay node: the contact is closed only while a fresh lease runs. A plain loop calls `feed` and `step`.

Off at boot, when the lease ends, on OPEN, when the contact does not follow the coil, when the node's own methane is at
its limit or not known, and when the bus is off. All of these latch (trip.py): only an OPEN and then a newer PERMIT
close again. With a key, only a sealed OPEN arms and only a sealed PERMIT closes; a plain OPEN opens all the same.
"""

from minegate_node.lease import Lease
from minegate_node.methane import Methane
from minegate_node.trip import Trip
from minegate_node.trip_log import TripLog
from minegate_wire import messages
from minegate_wire.frame import HEAD, SUM, Frame, Received, Receiver
from minegate_wire.messages import dec
from minegate_wire.seal import Seal

_TICKS_MASK = (1 << 30) - 1  # the tick period of a 32-bit MicroPython
_UPTIME_MAX_S = 1 << 28
MISMATCH_MS = 200  # a contactor's travel; longer than that it does not follow
FIRMWARE = 2


class RelayNode:
    """Relay 0 of node `address`. `boot_nonce` must differ from boot to boot: a PERMIT names it.

    `methane` is the node's own input (methane.py), `seal` the key of its gateway (minegate_wire/seal.py); a node may
    have neither. `feed`, `take` and `step` allocate nothing.
    """

    def __init__(
        self,
        address: int,
        boot_nonce: int,
        reset_cause: int = 0,
        methane: Methane | None = None,
        seal: Seal | None = None,
        resets: int = 0,
    ) -> None:
        self.address = address
        self.lease = Lease(boot_nonce)
        self.trip = Trip(messages.TRIP_WATCHDOG if reset_cause == messages.RESET_WATCHDOG else messages.TRIP_BOOT)
        self.log = TripLog()
        self.coil = False
        self.contact = messages.CONTACT_OPEN
        self.refused = 0
        self.methane = methane
        self.frame = Frame()  # the reply, valid until the next `feed`, `take` or `reply`
        self.receiver = Receiver()
        self._seal = seal
        self._reset_cause = reset_cause
        self._resets = resets
        self._fields = [0] * 10
        self._replies = False
        self._last_ms = -1
        self._differs_ms = -1  # -1: the contact is as the coil says
        self._bus_off = False
        self._uptime_s = 0
        self._uptime_ms = 0
        self._foreign = 0
        self._note(self.trip.cause)

    @property
    def trip_cause(self) -> int:
        """The newest reason for which the contact is open; TRIP_NONE while it may be closed."""
        return self.trip.cause

    def feed(self, data: bytes | bytearray, length: int = -1) -> None:
        """Bytes of a serial line as they come: `data[:length]`, or all of it."""
        for at in range(len(data) if length < 0 else length):
            if self.receiver.feed(data[at]):
                self.take(self.receiver)

    def take(self, received: Received) -> None:
        """One whole frame (minegate_wire.frame.Received), from whatever bus."""
        if received.node() != self.address:
            self._foreign = min(self._foreign + 1, 65535)
        elif received.count() == 1:
            self._obey(received.kind(), received.buf, received.length - SUM)

    def bus_off(self, off: bool) -> None:
        """What the controller of the bus says; taken into account by the next step."""
        self._bus_off = off

    def step(self, now_ms: int, read_back_closed: bool) -> bool:
        """Once per loop: `read_back_closed` is the contact as measured. Returns whether the coil is to be energised."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        self._pass(elapsed_ms)
        held = self.lease.left_ms > 0
        self.lease.pass_ms(elapsed_ms)
        if held and self.lease.left_ms == 0 and self.trip.trip(messages.TRIP_LEASE):
            self._note(messages.TRIP_LEASE)
        self._compare(elapsed_ms, read_back_closed)
        self._see(messages.TRIP_READ_BACK, self._differs_ms > MISMATCH_MS)
        self._see(messages.TRIP_BUS, self._bus_off)
        if self.methane is not None:
            self.methane.pass_ms(elapsed_ms)
            faulty = self.methane.faulty()
            self._see(messages.TRIP_LOCAL_SENSOR, faulty)
            self._see(messages.TRIP_LOCAL_LIMIT, not faulty and self.methane.over())
        if self.trip.latched:
            self.lease.end()
        self.coil = self.lease.left_ms > 0
        return self.coil

    def guarded(self) -> bool:
        """Whether the reasons to hold the coil are good: its own sensor is believed, the contact follows."""
        believed = self.methane is None or not self.methane.faulty()
        return believed and self.contact != messages.CONTACT_MISMATCH

    def reply_length(self) -> int:
        """How many bytes of `frame.line` are to be sent now; 0 if nothing was asked. A second call says 0."""
        length = self.frame.length if self._replies else 0
        self._replies = False
        return length

    def reply(self) -> bytes:
        """What is to be sent now, as an object of its own; empty if nothing was asked."""
        return bytes(self.frame.line[: self.reply_length()])

    def _obey(self, kind: int, buf: bytearray, end: int) -> None:
        fields = self._fields
        dec(kind, buf, HEAD, fields)
        if kind == messages.ASK:
            self._answer(fields[0])
        elif kind == messages.PERMIT or kind == messages.SIGNED_PERMIT:
            self._permit(kind, buf, end)
            self._answer(messages.RELAY_STATE)
        elif (kind == messages.OPEN or kind == messages.SIGNED_OPEN) and fields[0] == 0:
            self._open(kind, buf, end)
            self._answer(messages.RELAY_STATE)

    def _permit(self, kind: int, buf: bytearray, end: int) -> None:
        fields = self._fields
        taken = False
        if fields[0] == 0 and not self.trip.latched:
            if kind == messages.SIGNED_PERMIT:
                taken = self._sealed(buf, end) and self.lease.grant_sealed(fields[1], fields[2], fields[3], fields[4])
            else:
                taken = self._seal is None and self.lease.grant(fields[1], fields[2], fields[3])
        if taken:
            self.trip.close()
        else:
            self.refused = min(self.refused + 1, 65535)

    def _open(self, kind: int, buf: bytearray, end: int) -> None:
        """Opens whatever its seal or count. Arms again only if it is of our gateway and, when sealed, no replay."""
        fields = self._fields
        was_coil = self.coil
        self.coil = False
        if kind == messages.SIGNED_OPEN:
            arms = self._sealed(buf, end) and self.lease.revoke_sealed(fields[2], fields[3])
            self.lease.end()
        elif self._seal is None:
            self.lease.revoke(fields[2])
            arms = True
        else:
            self.lease.end()
            arms = False
        if self.trip.open(arms) and was_coil:
            self._note(messages.TRIP_COMMAND)

    def _sealed(self, buf: bytearray, end: int) -> bool:
        return self._seal is not None and self._seal.good(buf, end)

    def _see(self, cause: int, present: bool) -> None:
        if self.trip.see(cause, present):
            self._note(cause)

    def _note(self, cause: int) -> None:
        value = 0 if self.methane is None else self.methane.ppm
        self.log.add(cause, self.contact, value, self._uptime_s)

    def _pass(self, elapsed_ms: int) -> None:
        self.trip.pass_ms(elapsed_ms)
        self._uptime_ms += elapsed_ms % 1000
        self._uptime_s = min(self._uptime_s + elapsed_ms // 1000 + self._uptime_ms // 1000, _UPTIME_MAX_S)
        self._uptime_ms %= 1000

    def _compare(self, elapsed_ms: int, read_back_closed: bool) -> None:
        if read_back_closed == self.coil:
            self._differs_ms = -1
        else:
            # counted from the step that first saw it: the time before the coil changed is not the contact's
            self._differs_ms = 0 if self._differs_ms < 0 else min(self._differs_ms + elapsed_ms, 65535)
        if self._differs_ms > MISMATCH_MS:
            self.contact = messages.CONTACT_MISMATCH
        else:
            self.contact = messages.CONTACT_CLOSED if read_back_closed else messages.CONTACT_OPEN

    def _answer(self, kind: int) -> None:
        """Make the reply of this kind; a kind that this node does not tell is not answered."""
        self._replies = True
        self.frame.begin(self.address, kind if messages.row(kind) else messages.DIAG)
        if kind == messages.RELAY_STATE:
            self._tell_state()
        elif kind == messages.HELLO:
            self._tell_hello()
        elif kind == messages.DIAG:
            self._tell_diag()
        elif kind == messages.TRIP_LOG:
            self._tell_log()
        elif kind == messages.SESSION and self._seal is not None:
            self._tell_session(self._seal)
        elif kind == messages.READING and self.methane is not None:
            self._tell_reading(self.methane)
        else:
            self._replies = False
            return
        self.frame.close()

    def _tell_state(self) -> None:
        fields = self._fields
        fields[0] = 0
        fields[1] = self.contact
        fields[2] = self.trip.cause
        fields[3] = self.lease.left_ms
        fields[4] = self.lease.boot_nonce
        fields[5] = self.lease.count
        fields[6] = self.trip.since_ms // 1000
        fields[7] = self.refused
        self.frame.add(fields)

    def _tell_hello(self) -> None:
        fields = self._fields
        fields[0] = messages.RELAY_NODE
        fields[1] = messages.WIRE_VERSION
        fields[2] = FIRMWARE
        fields[3] = self.lease.boot_nonce
        fields[4] = 1
        fields[5] = self._reset_cause
        self.frame.add(fields)

    def _tell_diag(self) -> None:
        fields = self._fields
        fields[0] = self.receiver.good
        fields[1] = self.receiver.bad
        fields[2] = self._foreign
        fields[3] = min(self._uptime_s, 65535)
        fields[4] = self._resets
        self.frame.add(fields)

    def _tell_log(self) -> None:
        for back in range(self.log.length):
            self.log.read(back, self._fields)
            self.frame.add(self._fields)

    def _tell_session(self, seal: Seal) -> None:
        fields = self._fields
        session = seal.session
        fields[0] = self.lease.boot_nonce
        for limb in range(4):
            fields[1 + limb] = session[2 * limb] | session[2 * limb + 1] << 8
        fields[5] = self.lease.count
        fields[6] = self.lease.count_high
        self.frame.add(fields)

    def _tell_reading(self, methane: Methane) -> None:
        fields = self._fields
        fields[0] = 0
        fields[1] = messages.READING_FAULT if methane.faulty() else 0
        fields[2] = methane.count
        fields[3] = methane.age_ms
        fields[4] = methane.ppm
        self.frame.add(fields)
