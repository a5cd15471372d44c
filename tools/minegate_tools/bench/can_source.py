"""Child of `minegate bench can`: a bus that carries RATE frames a second, as slcan text on a pty or as kernel structs.

`python -m minegate_tools.bench.can_source slcan FD RATE SECONDS` writes on the pty master FD once the channel was
opened; `... structs PORT RATE SECONDS` sends to UDP port PORT. Says in JSON how many frames it sent, and how many found
no room (what an adapter drops).
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable

from minegate_agent.field.can_wire import raw_of
from minegate_drivers.ports import CanFrame
from minegate_sim.slcan import text_of

IDENTIFIERS = tuple(range(0x201, 0x20B))
STEP_S = 0.001
OPENED_WITHIN_S = 20.0


def frame(number: int) -> CanFrame:
    """Frame `number` of the run: its number, and two values."""
    data = number.to_bytes(4, "little") + (number * 7 & 0xFFFF).to_bytes(2, "little") + b"\x10\x27"
    return CanFrame(IDENTIFIERS[number % len(IDENTIFIERS)], data)


class Adapter:
    """Writes whole lines or drops whole frames, as an adapter with a full buffer does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def put(self, one: CanFrame) -> bool:
        """False if there is no room for it."""
        try:
            if self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
            if self._rest:
                return False
            text = text_of(one)
            self._rest = text[os.write(self._descriptor, text) :]
        except BlockingIOError:
            return False
        return True


def send(put: Callable[[CanFrame], bool], rate: int, seconds: float) -> dict[str, int]:
    """Frames at `rate`, each when it is due, until the time is over; `put` is False where there is no room."""
    began_s = time.perf_counter()
    sent = unsent = 0
    total = int(rate * seconds)
    while sent + unsent < total:
        due = min(total, int((time.perf_counter() - began_s) * rate))
        while sent + unsent < due:
            if put(frame(sent + unsent)):
                sent += 1
            else:
                unsent += 1
        time.sleep(STEP_S)
    return {"sent": sent, "unsent": unsent}


def opened(descriptor: int) -> bool:
    """Wait until the other side has opened the channel, answering each command; False if it never does."""
    heard = b""
    until_s = time.perf_counter() + OPENED_WITHIN_S
    while b"O\r" not in heard:
        if not select.select([descriptor], [], [], max(0.0, until_s - time.perf_counter()))[0]:
            return False
        said = os.read(descriptor, 4096)
        heard += said
        os.write(descriptor, b"\r" * said.count(b"\r"))
    return True


def main(words: list[str]) -> int:
    """See the module."""
    kind, where, rate, seconds = words[0], int(words[1]), int(words[2]), float(words[3])
    if kind == "slcan":
        if not opened(where):
            print("nobody opened the channel", file=sys.stderr)
            return 1
        time.sleep(0.3)
        os.set_blocking(where, False)

        told = send(Adapter(where).put, rate, seconds)
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("127.0.0.1", where))
            told = send(lambda one: out.send(raw_of(one)) > 0, rate, seconds)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
