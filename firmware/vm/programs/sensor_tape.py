"""A sensor node's life played from a tape, one line of text per event: what it tells must not depend on the Python.

A tape is a list of lists: what happens, and its arguments. All channels and both protocols live at once.

    boot    address, nonce, reset cause, channels
    sample  channel, raw                     calibrate  channel, ms
    feed    bytes of the line, on the minegate wire
    modbus  bytes of the line, as a Modbus station hears them; they end with a silence
    step    now_ms
"""

import json

from vectors import hexed, unhexed

from minegate_node.channel import Channel, Span
from minegate_node.modbus_slave import ModbusSlave
from minegate_node.registers import Registers
from minegate_node.sensor import SensorNode

GAP_MS = 5


class Life:
    """One node, its channels and the station that shows them."""

    def __init__(self, address, nonce, cause, channels):
        self.channels = [
            Channel(Span(13107, 52428, -20, 400 + 3500 * number), 3 + number, 200, 9000, 4000, 1000, 1500)
            for number in range(channels)
        ]
        self.node = SensorNode(address, channels, nonce, cause)
        self.station = ModbusSlave(address, Registers(self.channels, [2, 1, nonce, channels]), GAP_MS)
        self.now_ms = -1
        self.answer = ""

    def meet(self, event):
        """One event of the tape."""
        what = event[0]
        self.answer = ""
        if what == "sample":
            channel = self.channels[event[1]]
            channel.take(event[2])
            self.node.set(event[1], channel.value, channel.status())
        elif what == "calibrate":
            self.answer = "%d" % self.channels[event[1]].calibrate(event[2])
        elif what == "feed":
            self.node.feed(unhexed(event[1]))
            reply = self.node.reply()
            self.answer = hexed(reply, len(reply))
        elif what == "modbus":
            heard = unhexed(event[1])
            self.station.feed(heard, len(heard), self.now_ms)
            self.answer = hexed(self.station.out, self.station.step((self.now_ms + GAP_MS) & 0x3FFFFFFF))
        else:
            elapsed_ms = 0 if self.now_ms < 0 else (event[1] - self.now_ms) & 0x3FFFFFFF
            self.now_ms = event[1]
            self.node.step(event[1])
            for channel in self.channels:
                channel.pass_ms(elapsed_ms)

    def told(self):
        """What can be seen of it."""
        seen = ["%d,%d,%d" % (channel.value, channel.status(), channel.jumps) for channel in self.channels]
        return "%s %d %d %s" % (" ".join(seen), self.station.good, self.station.bad, self.answer)


def play(events):
    """A line per event."""
    life = None
    for event in events:
        if event[0] == "boot":
            life = Life(*event[1:])
        else:
            life.meet(event)
        yield life.told()


def main(name):
    """Print every line of the tape in that file."""
    with open(name) as file:
        events = json.load(file)
    for line in play(events):
        print(line)
