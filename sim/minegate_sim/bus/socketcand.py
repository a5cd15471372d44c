"""The socketcand protocol in front of a simulated CAN bus. A FarEnd; no I/O, no clock.

Source: linux-can/socketcand, doc/protocol.md: `< hi >`, `< open BUS >`, `< rawmode >`, `< echo >`,
`< send ID LEN BYTES >` and, towards the client, `< frame ID SECONDS.MICROSECONDS DATA >` (data without spaces, as the
daemon writes it) and `< error CLASS SECONDS.MICROSECONDS >`. Broadcast-manager, control and ISO-TP modes are answered
with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from minegate_drivers.ports import CanFrame
from minegate_sim.bus.can_tap import CanTap, Heard
from minegate_sim.far_end import NEVER, Gone

COMMAND_BYTES_MAX = 256
HELD_MAX = 1024
BEFORE_FRAMES_MS = 50.0  # clients take the answer to rawmode for a packet of its own
ERROR_FLAG = 0x20000000
_COMMAND = re.compile(rb"<\s*([^<>]*?)\s*>")
_BYTE = re.compile(r"[0-9A-Fa-f]{1,2}")
_ID = re.compile(r"[0-7][0-9A-Fa-f]{2}|[01][0-9A-Fa-f]{7}")


class Socketcand:
    """`buses`: by name, what makes a tap when a client opens it."""

    def __init__(self, buses: Mapping[str, Callable[[], CanTap]]) -> None:
        self._buses = buses
        self._heard = bytearray()
        self._out = bytearray(b"< hi >")
        self._tap: CanTap | None = None
        self._raw_ms = NEVER
        self._held: list[Heard] = []  # heard between the answer to rawmode and the first packet of frames
        self._rouse: Callable[[], None] | None = None

    @property
    def rouse(self) -> Callable[[], None] | None:
        """See Rousable."""
        return self._rouse

    @rouse.setter
    def rouse(self, call: Callable[[], None] | None) -> None:
        self._rouse = call
        if self._tap is not None:
            self._tap.rouse = call

    def arrive(self, data: bytes, now_ms: float) -> None:
        """See FarEnd. Raises Gone after what the daemon hangs up on."""
        self._heard += data
        while (found := _COMMAND.search(self._heard)) is not None:
            words = found[1].decode("ascii", "replace").split()  # before the buffer moves on
            del self._heard[: found.end()]
            self._do(words, now_ms)
        if len(self._heard) > COMMAND_BYTES_MAX:
            raise Gone(bytes(self._out) + b"< error command without end >")

    def run(self, now_ms: float) -> bytes:
        """See FarEnd."""
        heard = self._tap.fetch(now_ms) if self._tap is not None else []
        self._held += [one for one in heard if one.at_ms >= self._raw_ms][: HELD_MAX - len(self._held)]
        out = bytes(self._out)
        self._out.clear()
        if now_ms >= self._raw_ms + BEFORE_FRAMES_MS:
            out += b"".join(map(_text, self._held))
            self._held.clear()
        return out

    def due_ms(self) -> float:
        """See FarEnd."""
        if self._out:
            return -NEVER
        held_ms = self._raw_ms + BEFORE_FRAMES_MS if self._held else NEVER
        return min(held_ms, self._tap.due_ms()) if self._tap is not None else NEVER

    def _do(self, words: list[str], now_ms: float) -> None:
        match words:
            case ["echo"]:
                self._out += b"< echo >"
            case ["open", name] if self._tap is None and name in self._buses:
                self._tap = self._buses[name]()
                self._tap.rouse = self._rouse
                self._out += b"< ok >"
            case ["open", name]:
                raise Gone(bytes(self._out) + f"< error could not open bus {name} >".encode())
            case ["rawmode"] if self._tap is not None:
                self._raw_ms = now_ms
                self._out += b"< ok >"
            case ["send", identifier, length, *data] if self._tap is not None:
                self._send(self._tap, identifier, length, data, now_ms)
            case _:
                self._out += b"< error unknown command >"

    def _send(self, tap: CanTap, identifier: str, length: str, data: list[str], now_ms: float) -> None:
        bad = not _ID.fullmatch(identifier) or length not in "012345678" or len(length) != 1
        if bad or len(data) != int(length) or not all(map(_BYTE.fullmatch, data)):
            self._out += b"< error bad frame >"
            return
        frame = CanFrame(int(identifier, 16), bytes(int(byte, 16) for byte in data), extended=len(identifier) == 8)
        tap.send(frame, now_ms)


def _text(heard: Heard) -> bytes:
    at = f"{heard.at_ms / 1000.0:.6f}"
    if heard.frame is None:
        return f"< error {ERROR_FLAG | heard.error:08X} {at} >".encode()
    identifier = f"{heard.frame.id:08X}" if heard.frame.extended else f"{heard.frame.id:03X}"
    return f"< frame {identifier} {at} {heard.frame.data.hex().upper()} >".encode()
