"""The demo's subscriber at the broker: hears every stream, counts, and knows nothing of the agent."""

from __future__ import annotations

import asyncio

import aiomqtt

from minegate_tools.demo.count import Count

HOST = "127.0.0.1"
TOPIC = "minegate/1/#"
SUBSCRIBED_S = 20.0
_AGAIN_S = 0.2


class Receiver:
    """Listens at `port` between `come` and `go`; `count` goes on over several visits."""

    def __init__(self, port: int) -> None:
        self.count = Count()
        self._port = port
        self._task: asyncio.Task[None] | None = None

    async def come(self) -> None:
        """Subscribe, and return when the broker has confirmed it. Raises TimeoutError, aiomqtt.MqttError."""
        subscribed = asyncio.Event()
        self._task = asyncio.create_task(self._listen(subscribed), name="receiver")
        waiting = asyncio.create_task(subscribed.wait(), name="receiver subscribed")
        async with asyncio.timeout(SUBSCRIBED_S):
            await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiting.cancel()
            self._task.result()

    async def go(self) -> None:
        """Stop listening, because the broker is about to be taken away."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, subscribed: asyncio.Event) -> None:
        # 3.1.1: both brokers of the demo speak it
        async with aiomqtt.Client(
            HOST, self._port, identifier="demo-receiver", protocol=aiomqtt.ProtocolVersion.V311
        ) as client:
            await client.subscribe(TOPIC, qos=1)
            subscribed.set()
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self.count.hear(str(message.topic), message.payload)
