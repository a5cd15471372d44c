"""NUCLEO-G474RE (STM32G474, 170 MHz): relay node on RS-485 or CAN. Needs MicroPython 1.28 or later for `machine.CAN`.

The port's build for this board has no asyncio, so there is no sensor node on it.

| signal | pin |
|---|---|
| coil, to the output stage, high energises (external pull-down) | PC8 |
| read-back of the contact, to ground while closed | PC9 |
| RS-485 transmit, receive, direction | PC4, PC5, PC6 |
| CAN transmit, receive (transceiver needed) | PA12, PA11 |
| methane head, 4-20 mA over 150 ohm | PA0 |
| service: the blue button, held at power-on | PC13 |
"""

from machine import Pin

WATCHDOG_MS = 500
CYCLE_MAX_MS = 60  # 8.4 ms of sending at 9600 baud, a seal, and room; counted in the safety time (HARDWARE.md)
LIMIT_PPM = 10000  # the node's own limit: 1.0 % CH4. Not above 15000, and no message can change it
STALE_MS = 500
STUCK_MS = 600000
SPAN_PPM = 40000  # the head's methane at 20 mA
FULL_SCALE_UA = 22000  # 3.3 V / 150 ohm
COIL = "C8"


def off() -> None:
    """The coil's pin, low: the first thing of every boot."""
    Pin(COIL, Pin.OUT, value=0)


def service() -> bool:
    """Whether a person holds the board for service."""
    return Pin("C13", Pin.IN).value() == 1


def contactor():
    """The output stage."""
    from minegate_hal.contactor import Contactor

    return Contactor(Pin(COIL, Pin.OUT, value=0), Pin("C9", Pin.IN, Pin.PULL_UP))


def line(baud: int):
    """The serial line."""
    from machine import UART

    from minegate_hal.rs485 import Rs485

    return Rs485(UART(1, baud, rxbuf=256, timeout=0), Pin("C6", Pin.OUT, value=0))


def can():
    """The CAN port, or None on a board without a transceiver."""
    from minegate_hal.can_machine import MachineCan

    return MachineCan(1)


def methane_input():
    """The node's own methane head, or None: then the node guards nothing but its lease."""
    from machine import ADC

    from minegate_hal.inputs import AnalogInput

    return AnalogInput(ADC(Pin("A0")))


def methane_signal():
    """What the head's signal means."""
    from minegate_node.signals import CurrentLoop

    return CurrentLoop(FULL_SCALE_UA, SPAN_PPM)
