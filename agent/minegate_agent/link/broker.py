"""What the uplink asks of a broker: a session that publishes until it is lost. The broker is never a queue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol


class BrokerLost(Exception):  # noqa: N818 - says what happened
    """No session, or no longer. The text says why in one line."""


class TlsFiles(NamedTuple):
    """Paths; None: the system's authorities, or no certificate of our own."""

    ca: Path | None
    cert: Path | None
    key: Path | None


class BrokerSettings(NamedTuple):
    """How to reach the broker, and what every message to it says of itself (MQTT 5). `expiry_s`: 0 for never."""

    host: str
    tcp_port: int
    protocol: str  # "5", "3.1.1" or "auto"
    client_id: str
    username: str
    password_file: Path | None
    tls: TlsFiles | None
    keepalive_s: int
    ack_timeout_s: float
    in_flight_max: int
    content_type: str
    expiry_s: int


class Will(NamedTuple):
    """What the broker publishes when the session ends without a goodbye."""

    topic: str
    payload: bytes
    retain: bool = True


class Ears(NamedTuple):
    """What is listened to during a session: each message on one of the topics is told, with its topic."""

    topics: tuple[str, ...]
    hear: Callable[[str, bytes], None]


DEAF = Ears((), lambda _topic, _payload: None)


class Session(Protocol):
    """One connection."""

    in_flight_max: int  # how many publishes the broker takes before it has acknowledged the first

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns when the broker has taken delivery (PUBACK). Raises BrokerLost, also when it refuses."""

    async def lost(self) -> NoReturn:
        """Wait until the session ends, then raise BrokerLost."""


class Broker(Protocol):
    """One broker."""

    def session(self, will: Will, ears: Ears = DEAF) -> AbstractAsyncContextManager[Session]:
        """Connect, and listen; entering raises BrokerLost. Leaving disconnects, and takes a bounded time."""
