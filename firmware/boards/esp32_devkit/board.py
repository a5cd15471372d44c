"""ESP32 DevKit (WROOM-32): relay or sensor node on RS-485. MicroPython has no CAN on the ESP32.

Its watchdog is a user of the task watchdog and less independent than that of an STM32: take an external one as well.

| signal | GPIO |
|---|---|
| coil, to the output stage, high energises (external pull-down) | 25 |
| read-back of the contact, to ground while closed | 26 |
| RS-485 transmit, receive, direction | 17, 16, 4 |
| first head, 4-20 mA over 100 ohm | 34 |
| second head, 200-1000 Hz | 35 |
| service jumper to ground, at power-on | 27 |
"""

from machine import Pin

WATCHDOG_MS = 1000
CYCLE_MAX_MS = 60
LIMIT_PPM = 10000  # the node's own limit: 1.0 % CH4. Not above 15000, and no message can change it
STALE_MS = 500
STUCK_MS = 600000
SPAN_PPM = 40000  # the head's methane at 20 mA or 1000 Hz
FULL_SCALE_UA = 31000  # 3.1 V / 100 ohm: this converter ends below its supply and differs from chip to chip, so measure
SAMPLE_MS = 50
COIL = 25


def off() -> None:
    """The coil's pin, low: the first thing of every boot."""
    Pin(COIL, Pin.OUT, value=0)


def service() -> bool:
    """Whether a person holds the board for service."""
    return Pin(27, Pin.IN, Pin.PULL_UP).value() == 0


def contactor():
    """The output stage."""
    from minegate_hal.contactor import Contactor

    return Contactor(Pin(COIL, Pin.OUT, value=0), Pin(26, Pin.IN, Pin.PULL_UP))


def line(baud: int):
    """The serial line."""
    from machine import UART

    from minegate_hal.rs485 import Rs485

    return Rs485(UART(2, baud, tx=Pin(17), rx=Pin(16), rxbuf=256, txbuf=256, timeout=0), Pin(4, Pin.OUT, value=0))


def can():
    """There is none."""


def methane_input():
    """The node's own methane head, or None: then the node guards nothing but its lease."""
    from machine import ADC

    from minegate_hal.inputs import AnalogInput

    return AnalogInput(ADC(Pin(34), atten=ADC.ATTN_11DB))


def methane_signal():
    """What the head's signal means."""
    from minegate_node.signals import CurrentLoop

    return CurrentLoop(FULL_SCALE_UA, SPAN_PPM)


def sensor_inputs():
    """(input, channel) of a sensor node: methane of both heads, in hundredths of a per cent."""
    from time import ticks_us

    from minegate_hal.inputs import FrequencyInput
    from minegate_node.channel import Channel, Span

    # 4 and 20 mA as `read_u16()`; 200.0 and 1000.0 Hz
    loop = Channel(
        Span(4 * (4000 * 16383 // FULL_SCALE_UA), 4 * (20000 * 16383 // FULL_SCALE_UA), 0, 400), margin_raw=400
    )
    line = Channel(Span(2000, 10000, 0, 400), samples=4, margin_raw=100)
    edges = FrequencyInput(ticks_us)
    Pin(35, Pin.IN).irq(handler=edges.edge, trigger=Pin.IRQ_RISING)
    return [(methane_input(), loop), (edges, line)]
