"""One worker: takes messages off a broker, stores what is new, and only then sends the receipt."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import NamedTuple

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from minegate_agent.link.confirmed import Confirmed, Range
from minegate_agent.link.delivered import Delivery, PayloadError, body_of, decode, opened
from minegate_agent.link.receipts import receipt
from minegate_agent.link.records import EVENT, SCAN, encode_event
from minegate_sim.ingest.store import Arrived, Store

STREAMS = ("birth", "live", "history", "event")
RETRY_S = 0.3
QUEUE_MAX = 200

log = logging.getLogger("ingest")


class Settings(NamedTuple):
    """`share`: the name of a shared subscription (MQTT 5), or empty; `consumer`: whose receipts these are."""

    host: str
    tcp_port: int
    client_id: str
    share: str = ""
    consumer: str = ""
    receipts: bool = True


class Worker:
    """Runs until cancelled; connects again for ever. Its session at the broker stays, so nothing passes it by."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.messages = 0
        self.strange = 0
        self._settings = settings
        self._store = store

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                await self._connection()
            except aiomqtt.MqttError as error:
                log.warning("broker: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _connection(self) -> None:
        settings = self._settings
        async with aiomqtt.Client(
            settings.host,
            settings.tcp_port,
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=_an_hour(),
            max_queued_incoming_messages=QUEUE_MAX,
        ) as client:
            prefix = f"$share/{settings.share}/" if settings.share else ""
            for stream in STREAMS:
                await client.subscribe(f"{prefix}minegate/1/+/+/{stream}", qos=1)
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    await self._take(client, str(message.topic), message.payload)

    async def _take(self, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
        gateway, stream = topic.rsplit("/", 1)
        self.messages += 1
        try:
            if stream == "birth":
                self._store.keep_birth(str(opened(payload)["b"]), payload)
                return
            delivery = decode(payload)
        except (PayloadError, KeyError) as error:
            self.strange += 1
            log.error("%s: %s", topic, error)
            return
        try:
            self._store.keep(gateway, delivery.birth, arrived(delivery))
        except sqlite3.Error as error:  # no receipt: it comes again
            log.error("store: %s", error)
            return
        if self._settings.receipts:
            await client.publish(f"{gateway}/receipt", receipt(ranges_of(delivery), self._settings.consumer), qos=1)


def arrived(delivery: Delivery) -> list[Arrived]:
    """The records of a message as the journal has them."""
    scans = [Arrived(scan.sequence, SCAN, body_of(scan)) for scan in delivery.scans]
    return scans + [Arrived(told.sequence, EVENT, encode_event(told.event)) for told in delivery.events]


def ranges_of(delivery: Delivery) -> list[Range]:
    """What a message holds, and no sequence more."""
    held = Confirmed(0)
    for sequence in [*(scan.sequence for scan in delivery.scans), *(event.sequence for event in delivery.events)]:
        held.add(sequence, sequence)
    return ([(1, held.upto)] if held.upto else []) + held.islands


def _an_hour() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no annotation there
    properties.SessionExpiryInterval = 3600
    return properties
