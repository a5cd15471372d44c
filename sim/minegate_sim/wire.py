"""A half-duplex serial line with wire time: bytes take as long as on the cable, in both directions. No I/O, no clock.

A request is heard when its last byte is in; an answer leaves in small pieces, each when its last byte has been clocked
out. Every device hears everything, the answers of others too. Where two talk at once nobody is understood: a request in
that time is lost, an answer in that time is spoiled. Events are played in the order of their times, so a process that
wakes late changes nothing but the lateness.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from minegate_sim.far_end import NEVER, LineDevice

PIECE_BYTES = 8  # as a UART with a FIFO hands them on
USB_PIECE_BYTES = 62  # as an adapter on USB does: a full-speed packet of 64 bytes with two of its own
FIFO_128_BYTES = 128  # as a UART of the 16C950 kind does
WAITING_BYTES_MAX = 4096  # what a tty keeps for its line; more is lost and counted
BITS_PER_BYTE = 10  # 8N1


class _Span(NamedTuple):
    """Bytes with the time they take on the cable. `sender` is None for the near side."""

    begin_ms: float
    end_ms: float
    data: bytes
    sender: LineDevice | None

    def meets(self, other: _Span) -> bool:
        return self.begin_ms < other.end_ms and other.begin_ms < self.end_ms

    def spoiled(self) -> _Span:
        return self._replace(data=bytes(byte ^ 0x55 for byte in self.data))


class Wire:
    """`devices` on one line of `baud`. `answers` counts per device name; `lost_bytes` what found no listener."""

    def __init__(
        self,
        devices: Sequence[LineDevice],
        chance: random.Random,
        *,
        baud: int = 9600,
        turnaround_ms: float = 2.0,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self.devices = tuple(devices)
        self.is_cut = False
        self.answers: Counter[str] = Counter({device.name: 0 for device in devices})
        self.collisions = 0
        self.lost_bytes = 0
        self._chance = chance
        self._byte_ms = BITS_PER_BYTE * 1000.0 / baud
        self._turnaround_ms = turnaround_ms
        self._piece_bytes = piece_bytes
        self._coming: list[_Span] = []
        self._going: list[_Span] = []
        self._overheard = bytearray()  # the answer on the cable, as the neighbours will have heard it

    def arrive(self, data: bytes, now_ms: float) -> None:
        """See FarEnd."""
        if self.is_cut or sum(len(span.data) for span in self._coming) + len(data) > WAITING_BYTES_MAX:
            self.lost_bytes += len(data)
            return
        begin_ms = max(now_ms, self._coming[-1].end_ms if self._coming else now_ms)
        request = _Span(begin_ms, begin_ms + len(data) * self._byte_ms, data, None)
        if self._collides([request]):
            self.lost_bytes += len(data)
        elif self._coming and self._coming[-1].end_ms == begin_ms:  # no silence between: heard as one
            before = self._coming.pop()
            self._coming.append(request._replace(begin_ms=before.begin_ms, data=before.data + data))
        else:
            self._coming.append(request)

    def run(self, now_ms: float) -> bytes:
        """See FarEnd."""
        out = bytearray()
        while (at_ms := self.due_ms()) <= now_ms:
            if self._coming and self._coming[0].end_ms <= at_ms:
                request = self._coming.pop(0)
                self._hand_over(request.data, request.end_ms, None)
            elif self._going and self._going[0].end_ms <= at_ms:
                out += self._clock_out(self._going.pop(0))
            else:
                self._step_devices(at_ms)
        return bytes(out)

    def due_ms(self) -> float:
        """See FarEnd."""
        due_ms = self._coming[0].end_ms if self._coming else NEVER
        if self._going and self._going[0].end_ms < due_ms:
            due_ms = self._going[0].end_ms
        for device in self.devices:
            device_ms = device.due_ms()
            if device_ms < due_ms:
                due_ms = device_ms
        return due_ms

    def _hand_over(self, data: bytes, at_ms: float, sender: LineDevice | None) -> None:
        for device in self.devices:
            if device is not sender and not device.faults.dead:
                device.take(data, at_ms)

    def _clock_out(self, piece: _Span) -> bytes:
        if self.is_cut:
            self.lost_bytes += len(piece.data)
            return b""
        self._overheard += piece.data
        if not any(other.sender is piece.sender for other in self._going):  # the last piece of an answer
            self._hand_over(bytes(self._overheard), piece.end_ms, piece.sender)
            self._overheard.clear()
        return piece.data

    def _step_devices(self, at_ms: float) -> None:
        for device in self.devices:
            if device.due_ms() <= at_ms:
                answer = device.step(at_ms)
                assert device.due_ms() > at_ms, device.name
                if answer and not device.faults.dead:
                    self._send(device, answer, at_ms)

    def _send(self, device: LineDevice, answer: bytes, at_ms: float) -> None:
        self.answers[device.name] += 1
        if device.faults.garble and self._chance.random() < device.faults.garble:
            answer = _one_wrong_bit(answer, self._chance)
        begin_ms = at_ms + self._turnaround_ms + device.faults.slow_ms
        pieces = []
        for first in range(0, len(answer), self._piece_bytes):
            data = answer[first : first + self._piece_bytes]
            at_first_ms = begin_ms + first * self._byte_ms
            pieces.append(_Span(at_first_ms, at_first_ms + len(data) * self._byte_ms, data, device))
        if self._collides(pieces):
            pieces = [piece.spoiled() for piece in pieces]  # a device does not listen while it speaks
        self._going = sorted(self._going + pieces, key=lambda piece: piece.end_ms)

    def _collides(self, speech: list[_Span]) -> bool:
        """Whether somebody else talks in the time of `speech`; what that was, is spoiled or lost by it."""
        met_going = [any(piece.meets(span) for span in speech) for piece in self._going]
        met_coming = [span for span in self._coming if any(span.meets(own) for own in speech)]
        if not any(met_going) and not met_coming:
            return False
        self.collisions += 1
        self._going = [p.spoiled() if met else p for p, met in zip(self._going, met_going, strict=True)]
        self._coming = [span for span in self._coming if span not in met_coming]
        self.lost_bytes += sum(len(span.data) for span in met_coming)
        return True


def _one_wrong_bit(data: bytes, chance: random.Random) -> bytes:
    spoiled = bytearray(data)
    spoiled[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)
