"""A relay node's life played from a tape, one line of text per step: what it decides must not depend on the Python.

A tape is a list of lists: what happens, and its arguments.

    boot   address, nonce, reset cause, resets, key or "", session, name in SIGNALS or ""
    feed   bytes of the serial line          segment  one segment of the CAN bus
    raw    a methane sample                  bus      1: the controller is off the bus
    step   now_ms, 1 if the contact is read back closed
"""

import json

from vectors import hexed, unhexed

from minegate_node.methane import Methane
from minegate_node.relay import RelayNode
from minegate_node.signals import CurrentLoop, Frequency, Voltage
from minegate_wire.can_frames import Assembler
from minegate_wire.seal import Seal

SIGNALS = {"loop": CurrentLoop(22000, 40000), "hertz": Frequency(40000), "volts": Voltage(13107, 52428, 40000)}


class Life:
    """One node, and what it decided last."""

    def __init__(self, address, nonce, cause, resets, key, session, signal):
        methane = Methane(SIGNALS[signal], 15000, 1000, 30000) if signal else None
        seal = Seal(unhexed(key), unhexed(session)) if key else None
        self.node = RelayNode(address, nonce, cause, methane, seal, resets)
        self.assembler = Assembler()
        self.coil = False

    def meet(self, event):
        """One event of the tape."""
        what = event[0]
        if what == "feed":
            self.node.feed(unhexed(event[1]))
        elif what == "segment":
            part = unhexed(event[1])
            if self.assembler.take(part, len(part)):
                self.node.take(self.assembler)
        elif what == "raw":
            self.node.methane.take(event[1])
        elif what == "bus":
            self.node.bus_off(event[1] == 1)
        else:
            self.coil = self.node.step(event[1], event[2] == 1)

    def told(self):
        """What can be seen of it."""
        node = self.node
        reply = node.reply()
        seen = (
            self.coil,
            node.guarded(),
            node.contact,
            node.trip_cause,
            node.lease.left_ms,
            node.refused,
            hexed(reply, len(reply)),
        )
        return "%d %d %d %d %d %d %s" % seen


def play(events):
    """A line per event."""
    life = None
    for event in events:
        if event[0] == "boot":
            life = Life(*event[1:])
        else:
            life.meet(event)
        yield life.told()


def read(name):
    """The tape of that file."""
    with open(name) as file:
        return json.load(file)


def main(name):
    """Print every line."""
    for line in play(read(name)):
        print(line)


def count(name):
    """Print how many lines there are, after which of them the coil was energised, and the last line."""
    lines = 0
    energised = []
    last = ""
    for last in play(read(name)):
        lines += 1
        if last[0] != "0":
            energised.append(lines)
    print("%d lines, energised after %s, last %s" % (lines, energised, last))


def wait(name):
    """Play the tape; its last entry is `wait step_ms steps`: print how often the coil was energised meanwhile."""
    events = read(name)
    life = Life(*events[0][1:])
    for event in events[1:-1]:
        life.meet(event)
    energised = 0
    now_ms = events[-2][1]
    step_ms, steps = events[-1][1:]
    for _ in range(steps):
        now_ms = now_ms + step_ms & 0x3FFFFFFF
        if life.node.step(now_ms, False):
            energised += 1
    print("energised after %d of %d steps" % (energised, steps))
