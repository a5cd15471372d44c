"""The unix port's side of a board: what bench.mjs is to the WebAssembly VM, over stdin and stdout.

One board, one process. A line that starts with TOLD is for the harness, any other was printed by the firmware. The
first line of stdin says how the board starts. The harness owns the watchdog's clock in real time and ends the process.
"""

import json
import select
import sys

import uctypes
import uos
import utime

TOLD = "\x01"
WATCHDOG_RESET = 3
UART_BYTES_MAX = 4096
CAN_FRAMES_MAX = 64
FED_TOLD_MS = 20  # how often the harness hears that the watchdog was fed

_options = json.loads(sys.stdin.readline())
_virtual = _options["virtual"]
_started = utime.ticks_ms()
_poll = select.poll()
_poll.register(sys.stdin, select.POLLIN)
_names = []
_driven = {}
_changed = {}
_outside = {}
_pulled = {}
_follows = {}
_analog = {}
_received = [bytearray() for _ in range(8)]
_can = []
_due = []


class _State:
    """What changes and is not a table."""

    def __init__(self):
        self.now = 0
        self.granted = 0
        self.watchdog_ms = 0
        self.fed = 0
        self.told_fed = 0
        self.looks = 0
        self.looked = -1
        self.hangs = False
        self.noise = 0
        self.can_state = 1


_state = _State()


def _say(message):
    print(TOLD + json.dumps(message))


def _at():
    return _state.now if _virtual else utime.ticks_diff(utime.ticks_ms(), _started)


def pin(name):
    """The number of the pin of that name."""
    if name not in _names:
        _names.append(name)
    return _names.index(name)


def _apply(message):
    for name, value in message.get("pins", {}).items():
        _outside[pin(name)] = value
    _analog.update(message.get("analog", {}))
    for name, contact in message.get("follows", {}).items():
        if contact is None:
            _follows.pop(pin(name), None)
        else:
            _follows[pin(name)] = (pin(contact["pin"]), contact["ms"], contact.get("inverted", 0))
    if message.get("hang"):
        _state.hangs = True
    _can.extend(message.get("can", [])[: CAN_FRAMES_MAX - len(_can)])
    _state.can_state = message.get("can_state", _state.can_state)
    if "uart" in message:
        held = _received[message["uart"]]
        held.extend(bytes.fromhex(message["hex"])[: UART_BYTES_MAX - len(held)])
    _due.extend(message.get("later", []))
    _state.granted += message.get("run_ms", 0)


def _hear(wait_ms):
    """Messages of the harness; wait that long for the first, -1 for ever."""
    while _poll.poll(wait_ms):
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        _apply(json.loads(line))
        wait_ms = 0


def _advance(ms):
    state = _state
    state.now += ms
    while state.now >= state.granted:
        if state.granted:  # before the first grant nothing has been run
            _say({"ran": True, "at": state.now})
        granted = state.granted
        while state.granted == granted:
            _hear(-1)
    while _due and _due[0]["at"] <= state.now:
        _apply(_due.pop(0))
    if state.watchdog_ms and state.now - state.fed > state.watchdog_ms:
        reset(WATCHDOG_RESET)


def reset(cause):
    """Ask for a new start and wait for the end."""
    _say({"reset": cause, "at": _at()})
    while True:
        sys.stdin.readline()


def cause():
    """Why this boot happened."""
    return _options["cause"]


def chance(address, length):
    """Random bytes."""
    uctypes.bytearray_at(address, length)[:] = uos.urandom(length)


def ticks():
    """See bench.mjs."""
    state = _state
    if _virtual:
        if state.looks:
            _advance(_options["pace_ms"])
        state.looks += 1
    else:
        _hear(1 if _at() == state.looked else 0)
        state.looked = _at()
    return (_at() + _options["ticks"]) & 0x3FFFFFFF


def sleep(ms):
    """See bench.mjs."""
    _state.looks = 0
    if _virtual:
        _advance(max(ms, _options["pace_ms"]))
        return
    until = _at() + ms
    while until > _at():
        _hear(until - _at())


def pull(of, value):
    """The level of a pin that nothing drives."""
    _pulled[of] = value


def drive(of, value):
    """An output."""
    before = _driven.get(of)
    if before == value:
        return
    if before is not None or value:
        _changed[of] = _at()
    _driven[of] = value
    _say({"pin": _names[of], "value": value, "at": _at()})


def level(of):
    """What a pin reads."""
    contact = _follows.get(of)
    if contact is None:
        return _driven.get(of, _outside.get(of, _pulled.get(of, 0)))
    coil = _driven.get(contact[0], 0)
    if contact[0] in _changed and _at() - _changed[contact[0]] < contact[1]:
        coil = 1 - coil
    return coil ^ contact[2]


def analog(name):
    """A converter's code with noise, or -1: it does not get ready."""
    if _state.hangs:
        return -1
    _state.noise = _state.noise + 1 & 7
    return min(_analog[name] + _state.noise, 65535) if name in _analog else 0


def watch(ms):
    """The watchdog starts."""
    _state.watchdog_ms = ms
    _state.fed = _at()
    _say({"watchdog_ms": ms})


def feed():
    """The watchdog is fed."""
    _state.fed = _at()
    if not _virtual and _state.fed - _state.told_fed >= FED_TOLD_MS:
        _state.told_fed = _state.fed
        _say({"fed": True})


def waiting(uart):
    """Bytes that wait."""
    return len(_received[uart])


def read(uart, address, length):
    """Take bytes; how many."""
    held = _received[uart]
    length = min(length, len(held))
    uctypes.bytearray_at(address, length)[:] = held[:length]
    _received[uart] = held[length:]
    return length


def write(uart, address, length):
    """Send bytes."""
    _say({"uart": uart, "hex": bytes(uctypes.bytearray_at(address, length)).hex(), "at": _at()})


def can_state():
    """Of the controller."""
    return _state.can_state


def can_restart():
    """The controller is on the bus again."""
    _state.can_state = 1


def can_waiting():
    """Frames that wait."""
    return len(_can)


def can_read(address):
    """Take a frame: identifier in four bytes, low first; length; eight bytes."""
    number, text = _can.pop(0)
    body = bytes.fromhex(text)
    record = uctypes.bytearray_at(address, 13)
    for at in range(4):
        record[at] = number >> 8 * at & 0xFF
    record[4] = len(body)
    record[5 : 5 + len(body)] = body


def can_write(identifier, address, length):
    """Send a frame."""
    _say({"can": identifier, "hex": bytes(uctypes.bytearray_at(address, length)).hex(), "at": _at()})


_apply(_options["world"])
