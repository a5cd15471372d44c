"""A CAN bus behind a converter that sends 13-byte frames over TCP, or waits to be connected to."""

from __future__ import annotations

import asyncio
import socket

from minegate_agent.config import Port
from minegate_agent.field.can_batch import Batches
from minegate_agent.field.can_gateway_text import GatewayStream, unit_of
from minegate_agent.field.can_unsent import Unsent
from minegate_drivers.ports import BusHealth, CanFrame, PortLost

READ_BYTES = 65_536
CONNECT_S = 5.0
KEEPALIVE_S = 5  # a converter without current is missed after about KEEPALIVE_S * (1 + KEEPALIVE_COUNT)
KEEPALIVE_COUNT = 2


class GatewayPort:
    """See minegate_drivers.ports.CanPort."""

    def __init__(self, stream: socket.socket, name: str, can_ids: tuple[tuple[int, bool], ...]) -> None:
        self._stream = stream
        self._name = name
        self._health = BusHealth()
        self._frames = GatewayStream(can_ids, self._health)
        self._unsent = Unsent(stream.send, name, self._health)
        self._batches = Batches(stream.fileno(), self._take)

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return self._health

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        return await self._batches.next()

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        self._unsent.send(unit_of(frame))

    def close(self) -> None:
        """See CanPort."""
        self._stream.close()

    def _take(self) -> list[CanFrame]:
        self._unsent.flush()
        frames: list[CanFrame] = []
        while True:
            try:
                heard = self._stream.recv(READ_BYTES)
            except BlockingIOError:
                return frames
            except OSError as error:
                raise PortLost(f"port {self._name}: {error.strerror}") from error
            if not heard:
                raise PortLost(f"port {self._name}: closed by the converter")
            frames += self._frames.feed(heard)
            if len(heard) < READ_BYTES and frames:
                return frames


async def open_gateway(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> GatewayPort:
    """Connect to `port.channel`, "HOST:PORT". Raises PortLost."""
    host, _, number = port.channel.rpartition(":")
    if not host or not number.isdecimal():
        raise PortLost(f"port {port.name}: channel {port.channel!r} is not HOST:PORT")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            found = await loop.getaddrinfo(host, int(number), type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            stream = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
            try:
                await loop.sock_connect(stream, address)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_S)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
            except BaseException:
                stream.close()
                raise
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer"
        raise PortLost(f"port {port.name}: {port.channel}: {why}") from error
    return GatewayPort(stream, port.name, can_ids)
