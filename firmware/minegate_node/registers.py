"""What a sensor node shows to a Modbus master. Addresses are those on the wire, from 0.

Input registers (function 4):

    8 * n + 0, 1   channel n: value, high word first, signed, in the scale of the channel
    8 * n + 2      status as READING.status: 1 fault, 2 out of range, 4 calibrating, 8 warming up
    8 * n + 3      age of the newest sample in ms, up to 65535
    8 * n + 4      seconds of calibration left
    8 * n + 5      jumps seen since boot
    8 * n + 6, 7   0
    0x0F00..0F05   node type, wire version, firmware, boot nonce, channels, reset cause (as HELLO)
    0x0F06..0F09   frames good, frames bad, uptime in s high word, low word

Holding registers (functions 3, 6 and 16), the only ones that can be written:

    n              minutes of calibration of channel n: 0 ends it, at most 30
"""

from minegate_node.channel import CALIBRATE_MAX_MS, Channel

PER_CHANNEL = 8
FACTS = 0x0F00
CALIBRATE_MAX_MIN = CALIBRATE_MAX_MS // 60000


class Registers:
    """`read_input` and `read_holding` give a register or -1; `may_write` and `write` know the whitelist."""

    def __init__(self, channels: list, facts: list) -> None:
        """`facts`: the registers from 0x0F00 on, a list that its owner keeps up to date."""
        self._channels = channels
        self._facts = facts

    def read_input(self, address: int) -> int:
        """0..65535, or -1 if there is no such register."""
        if FACTS <= address < FACTS + len(self._facts):
            fact: int = self._facts[address - FACTS]
            return fact & 0xFFFF
        number = address // PER_CHANNEL
        if number >= len(self._channels):
            return -1
        return _of_channel(self._channels[number], address % PER_CHANNEL)

    def read_holding(self, address: int) -> int:
        """0..65535, or -1 if there is no such register."""
        if address >= len(self._channels):
            return -1
        left_ms: int = self._channels[address].calibrating_ms()
        return (left_ms + 59999) // 60000

    def may_write(self, address: int) -> bool:
        """Whether the register is on the whitelist."""
        return address < len(self._channels)

    def fits(self, address: int, value: int) -> bool:
        """Whether the value may be written there."""
        return 0 <= value <= CALIBRATE_MAX_MIN

    def write(self, address: int, value: int) -> None:
        """A register that `may_write`, a value that `fits`."""
        self._channels[address].calibrate(value * 60000)


def _of_channel(channel: Channel, which: int) -> int:
    if which == 0:
        return channel.value >> 16 & 0xFFFF
    if which == 1:
        return channel.value & 0xFFFF
    if which == 2:
        return channel.status()
    if which == 3:
        return channel.age_ms
    if which == 4:
        return channel.calibrating_ms() // 1000
    if which == 5:
        return channel.jumps
    return 0
