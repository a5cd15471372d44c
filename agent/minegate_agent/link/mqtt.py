"""The broker over MQTT: aiomqtt as a wire. A PUBACK that refuses is a failure here, and a dead line has a deadline."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NoReturn

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from minegate_agent.link.broker import DEAF, BrokerLost, BrokerSettings, Ears, Session, TlsFiles, Will
from minegate_agent.link.mqtt_version import V5, Version

RECEIVE_MAXIMUM_DEFAULT = 65_535  # MQTT 5, 3.2.2.3.3: what holds if the broker does not say
CONTROL_IN_FLIGHT = 2  # birth and state, beside the data
INCOMING_MAX = 100  # receipts and commands that wait to be heard; what exceeds it is thrown away, and sent again
ALIASES_MAX = 16  # topics that get a number; a gateway has five or six
REFUSED = 0x80  # a SUBACK of both versions from here on
_UNSUPPORTED_VERSION = {1, 0x84}  # CONNACK of MQTT 3.1.1 and of MQTT 5

log = logging.getLogger("link")


class MqttBroker:
    """See Broker. Files of passwords and certificates are read at every connection, so that a renewal needs no
    restart.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._version = Version(settings.protocol)

    @asynccontextmanager
    async def session(self, will: Will, ears: Ears = DEAF) -> AsyncIterator[Session]:
        """See Broker."""
        spoken = self._version.now
        wire = await asyncio.to_thread(self._secrets)
        client = self._client(will, spoken, *wire)
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            client.hang_up()
            raise BrokerLost(self._why(client, error)) from error
        except ValueError as error:  # paho on a host name or port that cannot be one
            client.hang_up()
            raise BrokerLost(f"{self._name}: {error}") from error
        except asyncio.CancelledError:
            client.hang_up()
            raise
        log.info("uplink %s speaks MQTT %s", self._name, spoken)
        try:
            session = _MqttSession(client, self._settings, self._name, spoken, ears)
            await session.listen()
            yield session
        finally:
            await client.leave()

    @property
    def _name(self) -> str:
        return f"{self._settings.host}:{self._settings.tcp_port}"

    def _secrets(self) -> tuple[ssl.SSLContext | None, str | None]:
        settings = self._settings
        try:
            context = _context(settings.tls) if settings.tls else None
            password = settings.password_file.read_text(encoding="utf-8").strip() if settings.password_file else None
        except (OSError, UnicodeDecodeError) as error:  # ssl.SSLError is an OSError
            raise BrokerLost(f"{self._name}: {_text(error)}") from error
        return context, password

    def _client(self, will: Will, spoken: str, context: ssl.SSLContext | None, password: str | None) -> _Client:
        settings = self._settings
        five = spoken == V5
        client = _Client(
            settings.host,
            settings.tcp_port,
            username=settings.username or None,
            password=password,
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(
                will.topic, will.payload, qos=1, retain=will.retain,
                properties=_content_type(PacketTypes.WILLMESSAGE, settings) if five else None,
            ),
            clean_session=None if five else True,
            clean_start=True if five else paho.MQTT_CLEAN_START_FIRST_ONLY,
            timeout=settings.ack_timeout_s,
            keepalive=settings.keepalive_s,
            tls_context=context,
            max_inflight_messages=settings.in_flight_max + CONTROL_IN_FLIGHT,
            max_queued_incoming_messages=INCOMING_MAX,
        )  # fmt: skip
        client.pending_calls_threshold = settings.in_flight_max + CONTROL_IN_FLIGHT
        client.connect_within(settings.ack_timeout_s)
        return client

    def _why(self, client: _Client, error: aiomqtt.MqttError) -> str:
        """The reason in one line; on the way the version for the next attempt is chosen."""
        code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
        number = code.value if isinstance(code, ReasonCode) else code
        unsupported = isinstance(error, MqttConnectError) and number in _UNSUPPORTED_VERSION
        silent = code is None and client.was_open
        spoken = self._version.now
        if (unsupported or silent) and self._version.was_refused():
            return f"{self._name}: no MQTT {spoken} ({_text(error)}), next with {self._version.now}"
        return f"{self._name}: {_text(error)}"


class _MqttSession:
    def __init__(self, client: _Client, settings: BrokerSettings, name: str, spoken: str, ears: Ears) -> None:
        self.in_flight_max = max(1, min(settings.in_flight_max, client.receive_maximum - CONTROL_IN_FLIGHT))
        self._client = client
        self._name = name
        self._ack_timeout_s = settings.ack_timeout_s
        self._settings = settings
        self._five = spoken == V5
        self._ears = ears
        self._aliases: dict[str, int] = {}

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See Session."""
        with _lost(self._name):
            try:
                async with asyncio.timeout(self._ack_timeout_s):
                    name, properties = self._named(topic, retain)
                    # without a time of its own: aiomqtt would make a task for each message to keep it
                    await self._client.publish(
                        name, payload, qos=1, retain=retain, properties=properties, timeout=math.inf
                    )
            except TimeoutError as error:
                raise BrokerLost(f"{self._name}: no PUBACK within {self._ack_timeout_s:g} s") from error

    async def listen(self) -> None:
        """Subscribe. A broker that does not allow it is told of once; delivery goes on."""
        with _lost(self._name):
            for topic in self._ears.topics:
                codes = await self._client.subscribe(topic, qos=1, timeout=self._ack_timeout_s)
                if any((code.value if isinstance(code, ReasonCode) else code) >= REFUSED for code in codes):
                    log.error("uplink %s does not let us hear %s", self._name, topic)

    def _named(self, topic: str, retain: bool) -> tuple[str, Properties | None]:
        """The topic, or nothing where the broker knows our number for it; and what the message says of itself."""
        if not self._five:
            return topic, None
        properties = _content_type(PacketTypes.PUBLISH, self._settings)
        if self._settings.expiry_s and not retain:
            properties.MessageExpiryInterval = self._settings.expiry_s
        known = self._aliases.get(topic)
        if known is None and len(self._aliases) < min(ALIASES_MAX, self._client.topic_alias_maximum):
            self._aliases[topic] = properties.TopicAlias = len(self._aliases) + 1
        elif known is not None:
            properties.TopicAlias = known
            topic = ""
        return topic, properties

    async def lost(self) -> NoReturn:
        """See Session."""
        with _lost(self._name):
            async for message in self._client.messages:
                if isinstance(message.payload, bytes | bytearray):
                    self._ears.hear(str(message.topic), bytes(message.payload))
        raise BrokerLost(f"{self._name}: disconnected")


class _Client(aiomqtt.Client):
    """aiomqtt with five things mended: it takes a PUBACK with a failure code for a delivery, drops the limits that the
    broker states in its CONNACK, leaves the socket open when a connection fails half-way, waits for the answer of a
    broker that has closed the line, and writes each message a turn of the loop after it was given.
    """

    receive_maximum = RECEIVE_MAXIMUM_DEFAULT
    topic_alias_maximum = 0  # MQTT 5, 3.2.2.3.8: none if the broker does not say
    was_open = False
    _hung_up = False

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.receive_maximum = getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM_DEFAULT)
        self.topic_alias_maximum = getattr(properties, "TopicAliasMaximum", 0)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("closed the line before it answered"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if not reason_code.is_failure:
            super()._on_publish(client, userdata, mid, reason_code, properties)
        elif not self._disconnected.done():
            self._disconnected.set_exception(aiomqtt.MqttError(f"the broker refused a message: {reason_code}"))

    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        """Called in the thread that connects; it may be the only one that still wants to."""
        if self._hung_up:
            sock.close()
            return
        self.was_open = True
        # Without it the end of a block waits for the acknowledgement of its beginning: 40 ms (RFC 896 meets RFC 1122).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super()._on_socket_open(client, userdata, sock)

    def _on_socket_register_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        """Write now; wait for the line only if it does not take all of it. The thread that connects has no loop."""
        if threading.current_thread() is threading.main_thread():
            try:
                client.loop_write()
            except OSError as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)
            if not client.want_write():
                return
        super()._on_socket_register_write(client, userdata, sock)

    def connect_within(self, timeout_s: float) -> None:
        """How long TCP and the TLS handshake may take."""
        self._client.connect_timeout = timeout_s

    def hang_up(self) -> None:
        """Close the connection without a goodbye, also one that a thread is still opening."""
        self._hung_up = True
        self._client.on_disconnect = None  # nobody listens any more
        wire = self._client.socket()
        if not isinstance(wire, socket.socket) or wire.fileno() < 0:
            return
        with suppress(OSError):  # it was not connected any more
            wire.shutdown(socket.SHUT_RDWR)
        self._client.loop_read()  # finds the end, and closes the socket and what the loop watches of it

    async def leave(self) -> None:
        """Say goodbye if the line still takes it, and close."""
        try:
            if not self._disconnected.done():
                async with asyncio.timeout(1.0):
                    await self.__aexit__(None, None, None)
        except (aiomqtt.MqttError, TimeoutError):
            pass  # the line is dead, which is why we leave
        finally:
            self.hang_up()
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()  # seen: whoever waited for it has been told
            if self._misc_task is not None:
                self._misc_task.cancel()


@contextmanager
def _lost(name: str) -> Iterator[None]:
    """aiomqtt's errors as BrokerLost."""
    try:
        yield
    except aiomqtt.MqttError as error:
        raise BrokerLost(f"{name}: {_text(error.__cause__ or error)}") from error
    except ValueError as error:  # paho on a message that no MQTT packet can hold
        raise BrokerLost(f"{name}: {error}") from error


def _content_type(packet: int, settings: BrokerSettings) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho has no annotation there
    properties.ContentType = settings.content_type
    return properties


def _context(tls: TlsFiles) -> ssl.SSLContext:
    """Raises OSError that names the file."""
    for path in (tls.ca, tls.cert, tls.key):
        if path is not None:
            path.open("rb").close()  # ssl's own error does not say which file is missing
    context = ssl.create_default_context(cafile=tls.ca)
    context.sslsocket_class = _Closing
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context


class _Closing(ssl.SSLSocket):
    """paho forgets a socket whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _text(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
