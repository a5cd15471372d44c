"""Far ends behind TCP on 127.0.0.1, as device servers put lines and buses on the network; one per connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from minegate_agent.clock import Clock
from minegate_sim.far_end import NEVER, FarEnd, Gone, Rousable

log = logging.getLogger("tcp")

HOST = "127.0.0.1"
READ_BYTES = 4096
CONNECTIONS_MAX = 8
UNSENT_BYTES_MAX = 1_000_000  # a client that does not read is dropped


@asynccontextmanager
async def listening(
    port: int, connect: Callable[[str], FarEnd], leave: Callable[[str], None], clock: Clock
) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port (0 asks for a free one). Raises OSError.

    `connect(name)` makes the far end of a new connection, `leave(name)` is told when it ends.
    """
    open_names: set[str] = set()
    tasks: set[asyncio.Task[None]] = set()

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = f"tcp-{writer.get_extra_info('sockname')[1]}-{writer.get_extra_info('peername')[1]}"
        if len(open_names) >= CONNECTIONS_MAX:
            log.warning("%s refused: %d connections are open", name, CONNECTIONS_MAX)
            writer.close()
            return
        open_names.add(name)
        task = asyncio.get_running_loop().create_task(_talk(connect(name), reader, writer, clock), name=name)
        tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            tasks.discard(done)
            open_names.discard(name)
            leave(name)

        task.add_done_callback(ended)

    server = await asyncio.start_server(come, HOST, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _talk(end: FarEnd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock) -> None:
    ready = asyncio.Event()
    if isinstance(end, Rousable):
        end.rouse = ready.set
    try:
        async with asyncio.TaskGroup() as both:
            reading = both.create_task(_hear(end, reader, clock, ready))
            await _speak(end, writer, clock, ready, reading)
    except* (Gone, ConnectionError) as ended:
        for last in ended.exceptions:
            if isinstance(last, Gone) and last.args:
                writer.write(last.args[0])
    finally:
        writer.close()


async def _hear(end: FarEnd, reader: asyncio.StreamReader, clock: Clock, ready: asyncio.Event) -> None:
    while data := await reader.read(READ_BYTES):
        end.arrive(data, clock.monotonic_ms() + 1)  # the next whole millisecond: not heard before it was written
        ready.set()
    raise Gone


async def _speak(
    end: FarEnd, writer: asyncio.StreamWriter, clock: Clock, ready: asyncio.Event, reading: asyncio.Task[None]
) -> None:
    while not reading.done():
        ready.clear()
        if out := end.run(clock.monotonic_ms()):
            writer.write(out)
            if writer.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                raise Gone
        wait_ms = end.due_ms() - clock.monotonic_ms()
        try:
            async with asyncio.timeout(None if wait_ms == NEVER else max(0.0, wait_ms / 1000.0)):
                await ready.wait()
        except TimeoutError:
            continue
