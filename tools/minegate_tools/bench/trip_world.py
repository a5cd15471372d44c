"""The far ends of the measured gateway in a process of their own: `python -m ... FOLDER SHAPE SEED`, SHAPE as JSON.

Sensors and a relay board for each line, on ptys below FOLDER, clocked like the wires they stand for. Each line passes
its limit by itself, at a moment drawn from the seed, whenever its contact has been closed for a while; one line of JSON
on stdout tells what followed, in seconds of perf_counter:

    {"cut": 3, "over": .., "said": .., "open": .., "contact": ..}   the limit was passed, the answer that showed it
                                                                    was whole, OPEN was on the relay's line, the
                                                                    contact was open
    {"moved": 3, "closed": true, "at": ..}                          a contact moved

Words on stdin, JSON too: {"auto": true}, {"mute": LINE, "on": true} the sensors' bus, {"sever": LINE, "on": true} the
relay's line, {"hold": LINE, "on": true} the frames to the relay wait, {"mortal": [5, 11]} these heads die as the limit
is passed. Ends with its stdin.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from minegate_interlock.urgency import INTERLOCK, go_first
from minegate_sim.devices.relay_board import RelayBoard
from minegate_sim.pty_end import Pty, opened
from minegate_sim.wire import Wire
from minegate_tools.bench.trip_cases import BAUD, CALM_MS, CAN_RELAY_BAUD, GOOD, OVER, Shape
from minegate_tools.bench.trip_heads import Heads, Pushing, Sensors
from minegate_tools.bench.trip_site import FIRST_NODE, device
from minegate_wire.frame import Receiver
from minegate_wire.messages import OPEN

LONGEST_WAIT_S = 0.25

assert GOOD < OVER


def say(**words: object) -> None:
    """One line for the bench."""
    print(json.dumps(words), flush=True)


class Track:
    """One line: its sensors, its relay, and the cut that is going on."""

    def __init__(self, number: int, sensors: Sensors, sensor_pty: Pty, relay_pty: Pty, baud: int, seed: int) -> None:
        self.number = number
        self.sensors = sensors
        self.sensor_pty, self.relay_pty = sensor_pty, relay_pty
        self.auto = True
        self.held = False
        self.mortal: frozenset[int] = frozenset()
        now_ms = 1000 * time.perf_counter()
        chance = random.Random(seed)
        self._chance = chance
        self.board = RelayBoard(f"relay-{number}", FIRST_NODE + number, chance.getrandbits(16), self._moved, now_ms)
        self.wire = Wire((self.board,), chance, baud=baud)
        self._receiver = Receiver()
        self._next_s: float | None = None
        self._over_s: float | None = None
        self._open_s: float | None = None

    def due_s(self) -> float:
        """When something happens here by itself."""
        sensors_s = self.sensors.due_s()
        wire_s = self.wire.due_ms() / 1000
        return min(wire_s, sensors_s if sensors_s is not None else wire_s, self._next_s or wire_s)

    def relay_heard(self, now_s: float) -> None:
        """The interlock wrote to the relay's line, before `now_s`."""
        if self.held:
            return
        data = self.relay_pty.read()
        for byte in data:
            whole = self._receiver.feed(byte)
            if whole and self._receiver.kind() == OPEN and self._over_s is not None and self._open_s is None:
                self._open_s = now_s
        if data:
            self.wire.arrive(data, 1000 * now_s)

    def run(self, now_s: float) -> None:
        """Everything that is due."""
        self.sensors.clock_out(now_s)
        if out := self.wire.run(1000 * now_s):
            self.relay_pty.write(out)
        if self._next_s is not None and now_s >= self._next_s:
            self._next_s = None
            self._pass_limit(now_s)

    def _pass_limit(self, now_s: float) -> None:
        if not self.auto or not self.board.closed:
            return
        self.sensors.said_s = self._open_s = None
        if isinstance(self.sensors, Heads):
            self.sensors.die(self.mortal)
            living = [station for station in Shape().judged if station not in self.mortal]
            self.sensors.over = self._chance.choice(living)
        else:
            self.sensors.over = 1
        self._over_s = now_s

    def _moved(self, at_ms: float, closed: bool) -> None:
        at_s = at_ms / 1000
        say(moved=self.number, closed=closed, at=at_s)
        if closed:
            self._next_s = at_s + self._chance.uniform(*CALM_MS) / 1000
            return
        self._next_s = None
        if self._over_s is not None:
            said_s, open_s = self.sensors.said_s, self._open_s
            say(cut=self.number, over=self._over_s, said=said_s, open=open_s, contact=at_s)
            self._over_s = None
            self.sensors.over = 0
            if isinstance(self.sensors, Heads):
                self.sensors.die(frozenset())


class World:
    """All lines, until stdin ends."""

    def __init__(self, tracks: list[Track]) -> None:
        self._tracks = tracks
        self._waiting = b""

    def serve(self) -> None:
        """select(2), because it takes microseconds: epoll's milliseconds would make every answer late."""
        relays = {track.relay_pty.master: track for track in self._tracks}
        sensors = {track.sensor_pty.master: track for track in self._tracks}
        watched = [sys.stdin.fileno(), *relays, *sensors]
        while True:
            now_s = time.perf_counter()
            wait_s = min([LONGEST_WAIT_S, *(track.due_s() - now_s for track in self._tracks)])
            listening = [fd for fd in watched if fd not in relays or not relays[fd].held]
            ready, _, _ = select.select(listening, [], [], max(0.0, wait_s))
            woken_s = time.perf_counter()  # what is there now was there by now: relays first, they are measured
            for descriptor in ready:
                if descriptor in relays:
                    relays[descriptor].relay_heard(woken_s)
            for descriptor in ready:
                if descriptor in sensors:
                    sensors[descriptor].sensors.hear(time.perf_counter())
                elif descriptor not in relays and not self._told():
                    return
            for track in self._tracks:
                track.run(time.perf_counter())

    def _told(self) -> bool:
        data = os.read(sys.stdin.fileno(), 65_536)
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, word: dict[str, Any]) -> None:
        if "auto" in word:
            for track in self._tracks:
                track.auto = word["auto"]
        elif "mortal" in word:
            for track in self._tracks:
                track.mortal = frozenset(word["mortal"])
        elif "mute" in word:
            self._tracks[word["mute"]].sensors.muted = word["on"]
        elif "sever" in word:
            self._tracks[word["sever"]].wire.is_cut = word["on"]
        elif "hold" in word:
            self._tracks[word["hold"]].held = word["on"]
        say(obeyed=word, at=time.perf_counter())


def main() -> None:
    """See the module."""
    go_first(INTERLOCK + 1)  # it is the clock: what it sees late would be blamed on those it measures
    folder, shape, seed = Path(sys.argv[1]), Shape(**json.loads(sys.argv[2])), int(sys.argv[3])
    with ExitStack() as stack:
        tracks = []
        for line in range(shape.lines):
            sensor = stack.enter_context(opened(folder / device(line, "sensor")))
            relay = stack.enter_context(opened(folder / device(line, "relay")))
            sensors: Sensors = Pushing(sensor) if shape.kind == "can" else Heads(sensor, shape)
            baud = CAN_RELAY_BAUD if shape.kind == "can" else BAUD
            tracks.append(Track(line, sensors, sensor, relay, baud, seed + line))
        say(ready=True)
        World(tracks).serve()


if __name__ == "__main__":
    main()
