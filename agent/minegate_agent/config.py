"""gateway.toml: read once into frozen structs; an unknown key, wrong type or number out of range is one clear line.

Parts of the agent receive values out of these structs, never the whole. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.\-]+$")]
Text = Annotated[str, Meta(max_length=120)]
NETWORK_MS, BROKER_MS = 50.0, 300.0  # one way in a mine's own Ethernet; with a robot's radio and a broker between
TcpPort = Annotated[int, Meta(ge=1, le=65535)]


class ConfigError(Exception):
    """A configuration that cannot be run. The text names file, key, value and limit."""


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who this gateway is; both names are part of every topic."""

    mine: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,20}$")]
    id: Name
    title_zh: Text = ""
    title_en: Text = ""


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A way in.

    `serial`: `device` is a stable path; `can`: python-can's `interface` and `channel`; `mqtt`: `host` and `tcp_port`.
    """

    name: Name
    kind: Literal["serial", "can", "mqtt"]
    device: str = ""
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    turnaround_ms: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    gap_ms: Annotated[float, Meta(ge=0, le=1000)] | None = None  # None: 3.5 characters, 1.75 ms above 19200 baud
    rs485: bool = False  # the kernel turns the line round with RTS; false: the adapter does it by itself
    rts_before_ms: Annotated[float, Meta(ge=0, le=100)] = 0.0
    rts_after_ms: Annotated[float, Meta(ge=0, le=100)] = 0.0
    eager: bool = False  # ask again as soon as the line is free; `period_ms` is then the most that it may take
    isolate: bool = False  # a process of its own: for drivers that are not trusted
    memory_mb: Annotated[int, Meta(ge=64, le=4096)] = 256  # address space of that process
    interface: str = ""
    channel: str = ""
    bitrate: Annotated[int, Meta(ge=1000, le=8_000_000)] = 250_000
    host: str = ""
    tcp_port: TcpPort = 1883
    # the most that the network between device and gateway takes, promised by whoever runs it; None: NETWORK_MS by kind
    delay_ms: Annotated[float, Meta(ge=0, le=60_000)] | None = None

    @property
    def network_ms(self) -> float:
        """`delay_ms`, or what is reckoned with where nobody has promised anything."""
        if self.delay_ms is not None:
            return self.delay_ms
        if self.kind == "mqtt":
            return BROKER_MS
        return NETWORK_MS if "://" in self.device or self.interface in ("tcp13", "socketcand") else 0.0


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One device on one port. `options` are the driver's own, declared beside it."""

    number: Annotated[int, Meta(ge=1, le=65535)]
    name: Name
    port: Name
    driver: Name
    title_zh: Text = ""
    title_en: Text = ""
    period_ms: Annotated[int, Meta(ge=20, le=3_600_000)] = 1000
    timeout_ms: Annotated[int, Meta(ge=5, le=60_000)] = 200  # ceiling of the time-out that is learned
    timeout_floor_ms: Annotated[float, Meta(ge=1, le=60_000)] = 5.0
    turnaround_ms: Annotated[float, Meta(ge=0, le=1000)] | None = None  # None: the port's
    job: Literal["trip", "scan", "background"] = "scan"
    deadline_ms: Annotated[int, Meta(ge=1, le=3_600_000)] | None = None  # from due to answered; None: the period
    options: dict[str, int | float | str | bool] = {}


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of one device that has a name, a place and codes. Range and unit come from the driver's layout."""

    number: Annotated[int, Meta(ge=1, le=65535)]
    name: Name
    device: Name
    field: Name
    part: Annotated[int, Meta(ge=0, le=255)] = 0
    place_zh: Text = ""
    place_en: Text = ""
    kj_code: Text = ""
    national_code: Text = ""
    sensor_type: Text = ""


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What field keeps for a link that is away. Both bounds hold; the oldest go first and are declared lost."""

    items_max: Annotated[int, Meta(ge=100, le=10_000_000)] = 200_000
    bytes_max: Annotated[int, Meta(ge=100_000, le=2_000_000_000)] = 48_000_000


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where readings are kept. `bytes_max` holds for all segments together: delivered ones go first, then readings are
    thinned, the oldest most; events never go.
    """

    folder: str = "journal"
    segment_bytes: Annotated[int, Meta(ge=65_536, le=1_000_000_000)] = 8_000_000
    bytes_max: Annotated[int, Meta(ge=1_000_000)] = 2_000_000_000
    commit_ms: Annotated[int, Meta(ge=0, le=1000)] = 150
    key_file: str = ""  # the gateway's private Ed25519 key, 64 hex digits; it signs anchors (`minegate journal key`)


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files of the uplink's TLS; `cert` and `key` for mutual authentication."""

    ca: str = ""
    cert: str = ""
    key: str = ""


FIRST_CONSUMER = "mine"  # the name of an uplink that has none


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A broker that stands in for the first one; everything but the address is the same."""

    host: str
    tcp_port: TcpPort = 1883


class Uplink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One consumer: the broker that takes delivery for it, what it gets and how it confirms.

    `windows` are hours of the day in UTC ("22:00-06:00"); none: always. With `confirm = "receipt"` the receiving
    application confirms (agent/PAYLOAD.md), not the broker. A line on which nothing is acknowledged for `silence_s` is
    left: raise it where one block takes longer than that.
    """

    name: Name = FIRST_CONSUMER
    host: str
    tcp_port: TcpPort = 1883
    secondary: list[Address] = []
    protocol: Literal["5", "3.1.1", "auto"] = "auto"
    format: Literal["minegate", "json", "sparkplug"] = "minegate"
    streams: tuple[Literal["live", "history", "event"], ...] = ("live", "history", "event")
    confirm: Literal["puback", "receipt"] = "puback"
    receipt_s: Annotated[float, Meta(ge=0.5, le=3600)] = 30.0
    windows: list[Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]] = []
    commands: bool = False
    username: str = ""
    password_file: str = ""
    tls: Tls | None = None
    keepalive_s: Annotated[int, Meta(ge=2, le=3600)] = 15
    silence_s: Annotated[float, Meta(ge=0.2, le=600)] = 4.5
    ack_timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0  # a publish without PUBACK for so long: the line is dead
    expiry_s: Annotated[int, Meta(ge=0, le=0xFFFFFFFE)] = 0  # of a message at the broker (MQTT 5); 0: never
    in_flight_max: Annotated[int, Meta(ge=1, le=200)] = 8
    block_records_max: Annotated[int, Meta(ge=1, le=10_000)] = 500
    block_ms: Annotated[int, Meta(ge=10, le=60_000)] = 400  # counts from the reading, as `commit_ms` does
    backoff_max_s: Annotated[float, Meta(gt=0, le=600)] = 0.8


class Commands(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may command from above: files of public Ed25519 keys. `remote_cut`: whether power may be cut so."""

    keys: tuple[str, ...] = ()
    remote_cut: bool = False


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local page. Other addresses than the loopback need a reason: the page has no accounts."""

    enabled: bool = True
    host: str = "127.0.0.1"
    tcp_port: TcpPort = 8420


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of gateway.toml."""

    gateway: Gateway
    run_folder: str = "run"
    port: list[Port]
    device: list[Device]
    point: list[Point]
    hold: Hold = Hold()
    journal: Journal = Journal()
    uplink: Uplink | list[Uplink] | None = None
    commands: Commands = Commands()
    page: Page = Page()

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """Every consumer; one table `[uplink]` or several `[[uplink]]`."""
        return tuple(self.uplink) if isinstance(self.uplink, list) else () if self.uplink is None else (self.uplink,)


def load(path: Path) -> tuple[Config, str]:
    """The configuration and its hash (16 hex digits of SHA-256). Raises ConfigError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    try:
        config = msgspec.toml.decode(text, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return config, hashlib.sha256(text).hexdigest()[:16]
