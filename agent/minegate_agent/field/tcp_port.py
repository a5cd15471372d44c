"""Serial lines behind a network: `socket://HOST:PORT` of a device server or a Modbus TCP device, `rfc2217://HOST:PORT`.

Nothing here makes the loop wait: connecting and the negotiation of RFC 2217 may take seconds when the far end is away,
and other lines must not notice. A connection whose far end has lost its current is missed by keep-alive.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import serial

from minegate_agent.config import Port
from minegate_agent.field.serial_port import open_serial
from minegate_drivers.ports import LinePort, PortLost

CONNECT_S = 5.0
KEEPALIVE_S = 5  # a far end without current is missed after about KEEPALIVE_S * (1 + KEEPALIVE_COUNT)
KEEPALIVE_COUNT = 2
KEPT_BYTES_MAX = 65_536
_READ_BYTES = 4096
_LOOK_S = 0.2  # how soon the thread of RFC 2217 notices that the port was closed


class _Heard:
    """Bytes that came, and who waits for them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._kept = bytearray()
        self._heard_s = 0.0
        self._arrived = asyncio.Event()
        self.lost = ""

    def add(self, data: bytes) -> None:
        """Called in the loop. A babbling device cannot fill the memory; what is too much is not kept."""
        if len(self._kept) < KEPT_BYTES_MAX:
            self._kept += data
        self._heard_s = self._loop.time()
        self._arrived.set()

    def end(self, why: str) -> None:
        """The port is gone."""
        self.lost = self.lost or why
        self._arrived.set()

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """See LinePort."""
        try:
            async with asyncio.timeout(within_s):
                while len(self._kept) < at_least and not self.lost:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return self.take()
        if self.lost and not self._kept:
            raise PortLost(f"port {self._name}: {self.lost}")
        return self.take()

    async def pause(self, seconds: float) -> None:
        """See LinePort. The far end keeps the real line's silence; here it keeps requests apart."""
        left_s = self._heard_s + seconds - self._loop.time()
        if left_s > 0:
            await asyncio.sleep(left_s)

    def take(self) -> bytes:
        """See LinePort."""
        data = bytes(self._kept)
        self._kept.clear()
        return data


class TcpPort(_Heard):
    """See LinePort: a TCP connection."""

    def __init__(self, stream: socket.socket, name: str) -> None:
        super().__init__(name)
        self._stream = stream
        self._loop.add_reader(stream.fileno(), self._readable)

    def write(self, data: bytes) -> None:
        """See LinePort."""
        try:
            sent = self._stream.send(data)
        except OSError as error:
            raise PortLost(f"port {self._name}: {error.strerror or error}") from error
        if sent != len(data):
            raise PortLost(f"port {self._name}: takes no more bytes")

    def close(self) -> None:
        """See LinePort."""
        if self._stream.fileno() >= 0:
            self._loop.remove_reader(self._stream.fileno())
            self._stream.close()

    def _readable(self) -> None:
        try:
            data = self._stream.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data, why = b"", str(error.strerror or error)
        else:
            why = "closed by the far end"
        if data:
            self.add(data)
            return
        self._loop.remove_reader(self._stream.fileno())
        self.end(why)


class Rfc2217Port(_Heard):
    """See LinePort: pyserial's RFC 2217 client, which has no descriptor, read by a thread of its own."""

    def __init__(self, line: serial.Serial, name: str) -> None:
        super().__init__(name)
        self._line = line
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"rfc2217 {name}", daemon=True)
        self._reader.start()

    def write(self, data: bytes) -> None:
        """See LinePort."""
        try:
            self._line.write(data)
        except (serial.SerialException, OSError) as error:
            raise PortLost(f"port {self._name}: {error}") from error

    def close(self) -> None:
        """See LinePort."""
        if not self._closed.is_set():
            self._closed.set()
            # pyserial waits for its own thread, up to seconds: the loop must not
            threading.Thread(target=self._line.close, name=f"close {self._name}", daemon=True).start()

    def _read(self) -> None:
        while not self._closed.is_set():
            try:
                data = self._line.read(1)
                if data:
                    data += self._line.read(min(self._line.in_waiting, _READ_BYTES))
                    self._tell(self.add, data)
            except (serial.SerialException, OSError, TypeError) as error:  # TypeError: closed while it was reading
                self._tell(self.end, str(error))
                return

    def _tell(self, what: Callable[..., None], word: bytes | str) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, word)


async def open_line(port: Port, folder: Path) -> LinePort:
    """The line that `port.device` names: a tty, or a URL. Raises PortLost."""
    if port.device.startswith("socket://"):
        return await _open_tcp(port)
    if port.device.startswith("rfc2217://"):
        return await _open_rfc2217(port)
    return await open_serial(port, folder)


async def _open_tcp(port: Port) -> TcpPort:
    at = urlsplit(port.device)
    try:
        host, number = at.hostname, at.port
    except ValueError:
        host, number = None, None
    if not host or not number:
        raise PortLost(f"port {port.name}: {port.device!r} is not socket://HOST:PORT")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            family, kind, protocol, _, address = (await loop.getaddrinfo(host, number, type=socket.SOCK_STREAM))[0]
            stream = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
            try:
                await loop.sock_connect(stream, address)
                _keep_alive(stream)
            except BaseException:
                stream.close()
                raise
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer"
        raise PortLost(f"port {port.name}: {port.device}: {why}") from error
    return TcpPort(stream, port.name)


def _keep_alive(stream: socket.socket) -> None:
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_S)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)


async def _open_rfc2217(port: Port) -> Rfc2217Port:
    def opened() -> serial.Serial:
        return serial.serial_for_url(
            port.device, port.baud, parity=port.parity, stopbits=port.stop_bits, timeout=_LOOK_S
        )

    try:
        line = await asyncio.to_thread(opened)
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortLost(f"port {port.name}: {port.device}: {error}") from error
    return Rfc2217Port(line, port.name)
