"""`machine` of a board on the bench: pins, analog inputs, serial lines, a CAN controller and a watchdog.

The interface is MicroPython's (documentation of the module `machine`, 1.29) as far as node firmware uses it. `_bench`
is the other side: bench.mjs in the WebAssembly VM, unix/_bench.py in the unix port. Bytes are handed over by address.
"""

import _bench
from uctypes import addressof

# bound once: to look one up in the WebAssembly VM allocates, to call it does not
_analog = _bench.analog
_can_read = _bench.can_read
_can_restart = _bench.can_restart
_can_state = _bench.can_state
_can_waiting = _bench.can_waiting
_can_write = _bench.can_write
_cause = _bench.cause
_drive = _bench.drive
_feed = _bench.feed
_level = _bench.level
_pin = _bench.pin
_pull = _bench.pull
_read = _bench.read
_reset = _bench.reset
_sleep = _bench.sleep
_waiting = _bench.waiting
_watch = _bench.watch
_write = _bench.write

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def reset_cause():
    """Why this boot happened."""
    return _cause()


def reset():
    """Start again; does not return."""
    _reset(HARD_RESET)


def soft_reset():
    """Start again; does not return."""
    _reset(SOFT_RESET)


def unique_id():
    """Eight bytes of this board."""
    return b"minegate"


def idle():
    """Let a millisecond go by."""
    _sleep(1)


def disable_irq():
    """Nothing interrupts on the bench."""
    return 0


def enable_irq(state=0):
    """See `disable_irq`."""


def freq():
    """Hz."""
    return 168000000


class Pin:
    """A pin by whatever name its board gives it."""

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, name, mode=-1, pull=-1, value=None):
        self.name = str(name)
        self._slot = _pin(self.name)
        self._mode = self.IN
        self.init(mode, pull, value)

    def init(self, mode=-1, pull=-1, value=None):
        """See MicroPython. An output that is given no value drives 0."""
        if mode != -1:
            self._mode = mode
        if pull in (self.PULL_UP, self.PULL_DOWN):
            _pull(self._slot, 1 if pull == self.PULL_UP else 0)
        if self._mode != self.IN:
            _drive(self._slot, 1 if value else 0)

    def value(self, level=None):
        """The level, or None after driving `level`."""
        if level is None:
            return _level(self._slot)
        _drive(self._slot, 1 if level else 0)

    def __call__(self, level=None):
        return self.value(level)

    def on(self):
        """Drive 1."""
        _drive(self._slot, 1)

    def off(self):
        """Drive 0."""
        _drive(self._slot, 0)

    high = on
    low = off

    def toggle(self):
        """Drive the other level."""
        _drive(self._slot, 1 - _level(self._slot))


class ADC:
    """An analog input of 16 bits; the bench applies a code to the pin's name."""

    ATTN_11DB = 3

    def __init__(self, pin, **settings):
        self._name = pin.name if isinstance(pin, Pin) else str(pin)

    def read_u16(self):
        """0..65535; a converter that does not get ready is waited for, as ports do it."""
        code = _analog(self._name)
        while code < 0:
            pass
        return code


class UART:
    """Serial line 0..7. The bench joins it to whoever is at the other end; bytes take no time."""

    def __init__(self, number, baudrate=9600, **settings):
        self._number = number

    def init(self, baudrate=9600, **settings):
        """See MicroPython."""

    def deinit(self):
        """See MicroPython."""

    def any(self):
        """How many bytes wait."""
        return _waiting(self._number)

    def read(self, length=-1):
        """Bytes that wait, or None."""
        waiting = _waiting(self._number)
        buf = bytearray(waiting if length < 0 else min(length, waiting))
        self.readinto(buf)
        return bytes(buf) if buf else None

    def readinto(self, buf, length=-1):
        """How many bytes were put into `buf`, or None."""
        return _read(self._number, addressof(buf), len(buf) if length < 0 else min(length, len(buf))) or None

    def write(self, buf, length=-1):
        """All of it at once."""
        count = len(buf) if length < 0 else min(length, len(buf))
        if count:
            _write(self._number, addressof(buf), count)
        return count

    def flush(self):
        """What was written is gone already."""

    def txdone(self):
        """See `flush`."""
        return True


class CAN:
    """The controller as 1.28 and later have it. Nothing is received before `set_filters`."""

    MODE_NORMAL = 0
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_WARNING = 2
    STATE_PASSIVE = 3
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 8

    def __init__(self, number, bitrate=250000, mode=MODE_NORMAL, **settings):
        self._hears = False
        self._record = bytearray(13)
        store = memoryview(bytearray(8))
        self._views = [store[:length] for length in range(9)]

    def set_filters(self, filters):
        """None: everything; otherwise a list of (id, mask, flags). The bench lets everything through that is wanted."""
        self._hears = filters is None or len(filters) > 0

    def send(self, identifier, data, flags=0):
        """The index of a buffer, or OSError while the controller is off the bus."""
        if _can_state() == self.STATE_BUS_OFF:
            raise OSError(5)
        _can_write(identifier, addressof(data), len(data))
        return 0

    def recv(self, into=None):
        """[id, memoryview, flags, errors] or None."""
        if not self._hears or not _can_waiting():
            return None
        record = self._record
        _can_read(addressof(record))
        length = record[4]
        view = self._views[length]
        for at in range(length):
            view[at] = record[5 + at]
        frame = [0, view, 0, 0] if into is None else into
        frame[0] = record[0] | record[1] << 8 | record[2] << 16 | record[3] << 24
        frame[1] = view
        frame[2] = self.FLAG_EXT_ID
        return frame

    def waiting(self):
        """Whether `recv` would give a frame; pyb.CAN asks."""
        return self._hears and _can_waiting() > 0

    def state(self):
        """One of STATE_..."""
        return _can_state()

    def restart(self):
        """On the bus again."""
        _can_restart()


class WDT:
    """Started once, never stopped. The bench ends the program if it is not fed."""

    def __init__(self, number=0, timeout=5000):
        _watch(timeout)

    def feed(self):
        """Alive."""
        _feed()
