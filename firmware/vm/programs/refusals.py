"""What the firmware refuses with an error: each row must raise ValueError, on every Python alike."""

from minegate_node.methane import Methane
from minegate_node.signals import CurrentLoop, Frequency, Signal, Voltage
from minegate_wire import messages
from minegate_wire.can_frames import identifier
from minegate_wire.frame import Frame, encode
from minegate_wire.messages import enc
from minegate_wire.seal import Seal
from minegate_wire.siphash import SipHash

FULL = [(0, 0, 0, 0, 0)]
BUF = bytearray(64)
LOOP = CurrentLoop(22000, 40000)


def _overfull():
    frame = Frame()
    frame.begin(9, messages.READING)
    while True:
        frame.add(FULL[0])


ROWS = (
    ("no rows", lambda: encode(9, messages.READING, [])),
    ("too many rows", lambda: encode(9, messages.READING, FULL * 12)),
    ("node 0", lambda: encode(0, messages.READING, FULL)),
    ("node 256", lambda: encode(256, messages.READING, FULL)),
    ("no room in a frame", _overfull),
    ("begin an unknown message", lambda: Frame().begin(9, 99)),
    ("begin message -1", lambda: Frame().begin(9, -1)),
    ("no such message", lambda: enc(99, (1,), BUF, 0)),
    ("a field too few", lambda: enc(messages.ASK, (), BUF, 0)),
    ("a field too many", lambda: enc(messages.ASK, (1, 2), BUF, 0)),
    ("a byte too large", lambda: enc(messages.ASK, (256,), BUF, 0)),
    ("a byte below 0", lambda: enc(messages.ASK, (-1,), BUF, 0)),
    ("two bytes too large", lambda: enc(messages.READING, (0, 0, 65536, 0, 0), BUF, 0)),
    ("four bytes too large", lambda: enc(messages.READING, (0, 0, 0, 0, 1 << 29), BUF, 0)),
    ("four bytes too small", lambda: enc(messages.READING, (0, 0, 0, 0, -(1 << 29) - 1), BUF, 0)),
    ("a short session", lambda: Seal(bytes(16), bytes(7))),
    ("a short key", lambda: SipHash(bytes(15))),
    ("a can address too large", lambda: identifier(messages.ASK, 254, 0)),
    ("a can address below 0", lambda: identifier(messages.ASK, 0, -1)),
    ("a limit of 0", lambda: Methane(LOOP, 0, 1000, 30000)),
    ("a limit above the highest", lambda: Methane(LOOP, 15001, 1000, 30000)),
    ("never stale", lambda: Methane(LOOP, 15000, 2001, 30000)),
    ("always stuck", lambda: Methane(LOOP, 15000, 1000, 999)),
    ("a loop that cannot see a short", lambda: CurrentLoop(20500, 40000)),
    ("no span", lambda: Frequency(0)),
    ("a signal of no kind", lambda: Signal().ppm(1)),
    ("a voltage without margins", lambda: Voltage(0, 65535, 40000)),
)


def main():
    """Print each that was refused; the others stay away."""
    for name, make in ROWS:
        try:
            make()
        except (ValueError, NotImplementedError):
            print(name)
