"""The message table: a message is a row, and both ends read the same row.

A changed row is a new number. Every field is an integer of fixed width, low byte first. Field kinds:
`B` 0..255, `H` 0..65535, `h` -32768..32767, `w` -2**29..2**29-1 in four bytes (a small int on a 32-bit board).
`enc` refuses what does not fit, because `struct.pack` on MicroPython wraps without a word.
"""

WIRE_VERSION = 1

ASK = 1
HELLO = 2
READING = 3
PERMIT = 4
OPEN = 5
RELAY_STATE = 6
TIME = 7
DIAG = 8
SIGNED_PERMIT = 9
SIGNED_OPEN = 10
SESSION = 11
TRIP_LOG = 12

# kind, name, field kinds, field names
MESSAGES = (
    # gateway -> node: answer with a message of this kind
    (ASK, "ASK", "B", ("kind",)),
    # node -> gateway: who am I, and the nonce of this boot (a PERMIT must name it)
    (HELLO, "HELLO", "BBHHBB", ("node_type", "wire_version", "firmware", "boot_nonce", "channels", "reset_cause")),
    # sensor node -> gateway: one channel; `value` in the channel's declared scale; a frame may carry several rows
    (READING, "READING", "BBHHw", ("channel", "status", "count", "age_ms", "value")),
    # gateway -> relay node: energised for `lease_ms` from receipt, if nonce is this boot's and count has advanced
    (PERMIT, "PERMIT", "BHHHHH", ("relay", "lease_ms", "boot_nonce", "count", "rules_low", "rules_high")),
    # gateway -> relay node: open now; valid whatever its nonce or count, because opening is always safe
    (OPEN, "OPEN", "BBH", ("relay", "cause", "count")),
    # relay node -> gateway: what the contact does as read back, and why
    (
        RELAY_STATE,
        "RELAY_STATE",
        "BBBHHHHH",
        ("relay", "contact", "trip_cause", "lease_left_ms", "boot_nonce", "count", "age_s", "refused"),
    ),
    # gateway -> node: UTC seconds in two halves, milliseconds
    (TIME, "TIME", "HHH", ("utc_s_low", "utc_s_high", "ms")),
    # node -> gateway: counters since boot, each saturating at 65535
    (DIAG, "DIAG", "HHHHH", ("frames_good", "frames_bad", "frames_foreign", "uptime_s", "resets")),
    # gateway -> relay node that has a key: PERMIT under a seal (seal.py). The sequence never wraps within a session
    (
        SIGNED_PERMIT,
        "SIGNED_PERMIT",
        "BHHHHHHHHH",
        (
            "relay",
            "lease_ms",
            "boot_nonce",
            "sequence_low",
            "sequence_high",
            "rules_low",
            "rules_high",
            "mac_0",
            "mac_1",
            "mac_2",
        ),
    ),
    # gateway -> relay node that has a key: OPEN that also arms again; a plain OPEN only opens there
    (
        SIGNED_OPEN,
        "SIGNED_OPEN",
        "BBHHHHH",
        ("relay", "cause", "sequence_low", "sequence_high", "mac_0", "mac_1", "mac_2"),
    ),
    # relay node that has a key -> gateway: what every seal of this boot covers, and the last sequence accepted
    (
        SESSION,
        "SESSION",
        "HHHHHHH",
        ("boot_nonce", "session_0", "session_1", "session_2", "session_3", "sequence_low", "sequence_high"),
    ),
    # relay node -> gateway: why it opened, newest first, as many as a frame holds; `value` is its own methane in ppm
    (TRIP_LOG, "TRIP_LOG", "HBBww", ("number", "cause", "contact", "value", "at_s")),
)

# HELLO.node_type
SENSOR_NODE = 1
RELAY_NODE = 2

# RELAY_STATE.contact, as read back and not as commanded
CONTACT_OPEN = 0
CONTACT_CLOSED = 1
CONTACT_MISMATCH = 2

# RELAY_STATE.trip_cause, TRIP_LOG.cause and OPEN.cause
TRIP_NONE = 0
TRIP_BOOT = 1
TRIP_LEASE = 2
TRIP_COMMAND = 3
TRIP_READ_BACK = 4
TRIP_LOCAL_SENSOR = 5  # the node's own sensor is missing, stale, stuck or out of range
TRIP_LOCAL_LIMIT = 6  # the node's own sensor is at or over its limit
TRIP_BUS = 7  # the controller of the bus has switched itself off
TRIP_WATCHDOG = 8  # this boot was forced by the watchdog

# HELLO.reset_cause
RESET_UNKNOWN = 0
RESET_POWER_ON = 1
RESET_HARD = 2
RESET_WATCHDOG = 3
RESET_SOFT = 5

# READING.status bits
READING_FAULT = 1
READING_RANGE = 2
READING_CALIBRATING = 4
READING_WARM_UP = 8

_WIDTH = {"B": 1, "H": 2, "h": 2, "w": 4}
_LOW = {"B": 0, "H": 0, "h": -32768, "w": -(1 << 29)}
_HIGH = {"B": 255, "H": 65535, "h": 32767, "w": (1 << 29) - 1}


def _by_kind() -> tuple:
    rows: list = [()] * (max([message[0] for message in MESSAGES]) + 1)
    for message in MESSAGES:
        rows[message[0]] = message
    return tuple(rows)


_BY_KIND = _by_kind()


def row(kind: int) -> tuple:
    """The row of `kind`, or an empty tuple when this version does not know it."""
    return _BY_KIND[kind] if 0 <= kind < len(_BY_KIND) else ()


def size(kinds: str) -> int:
    """Bytes of one row with these field kinds."""
    total = 0
    for letter in kinds:
        total += _WIDTH[letter]
    return total


def enc(kind: int, values: tuple | list, buf: bytearray, at: int) -> int:
    """Write one row at `buf[at:]`; return the position behind it. ValueError if a value does not fit its field, or if
    `values` are not exactly the fields. Allocates nothing.
    """
    message = row(kind)
    if not message or len(values) != len(message[2]):
        raise ValueError("no such message row")
    return put(kind, values, buf, at)


def put(kind: int, values: tuple | list, buf: bytearray, at: int) -> int:
    """As `enc`, from the first items of `values`: a node keeps one list for rows of every length."""
    kinds = row(kind)[2]
    for index in range(len(kinds)):
        letter = kinds[index]
        value = values[index]
        if not _LOW[letter] <= value <= _HIGH[letter]:
            raise ValueError("field out of range")
        for _ in range(_WIDTH[letter]):
            buf[at] = value & 0xFF
            value >>= 8
            at += 1
    return at


def dec(kind: int, buf: bytes | bytearray, at: int, into: list) -> int:
    """Read one row at `buf[at:]` into the list `into`; return the position behind it. Allocates nothing."""
    kinds = row(kind)[2]
    for index in range(len(kinds)):
        letter = kinds[index]
        width = _WIDTH[letter]
        value = buf[at]
        if width > 1:
            value |= buf[at + 1] << 8
        if width > 2:
            value |= buf[at + 2] << 16
            top = buf[at + 3]
            # the sign is taken from the top byte before shifting, so that no big integer appears on a 32-bit board
            value = value + ((top - 256 if top & 0x80 else top) << 24)
        elif letter == "h" and value & 0x8000:
            value -= 65536
        into[index] = value
        at += width
    return at
