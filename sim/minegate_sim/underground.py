"""The robot's connection to the underground broker: comes back by itself, and says so once."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aiomqtt import Client, MqttError, Will

from minegate_agent.clock import Clock
from minegate_sim.devices.rail_robot import RailRobot

log = logging.getLogger("underground")

RETRY_S_MIN, RETRY_S_MAX = 0.2, 2.0
CONNECT_S_MAX = 5.0
FAREWELL_S_MAX = 1.0


async def publish(robot: RailRobot, clock: Clock, host: str, port: int) -> None:
    """Publish what the robot says, for ever."""
    retry_s = RETRY_S_MIN
    said = False
    while True:
        try:
            async with _client(robot, clock, host, port) as client:
                log.info("broker %s:%d connected", host, port)
                retry_s, said = RETRY_S_MIN, False
                await _speak(robot, clock, client)
        except MqttError as error:
            if not said:
                log.warning("broker %s:%d away: %s", host, port, error)
            said = True
        await asyncio.sleep(retry_s)
        retry_s = min(RETRY_S_MAX, 2 * retry_s)


def _client(robot: RailRobot, clock: Clock, host: str, port: int) -> Client:
    # the timestamp of a last will is the one of the connection: VDA 5050 says so, and forbids to read more into it
    broken = robot.connection("CONNECTION_BROKEN", clock.utc_ms())
    will = Will(broken.topic, broken.payload, qos=1, retain=True)
    return Client(host, port, identifier=f"sim-{robot.name}", will=will, timeout=CONNECT_S_MAX)


async def _speak(robot: RailRobot, clock: Clock, client: Client) -> None:
    hello = robot.connection("ONLINE", clock.utc_ms())
    await client.publish(hello.topic, hello.payload, qos=1, retain=True)
    try:
        while True:
            await asyncio.sleep(max(0.0, robot.due_ms() - clock.monotonic_ms()) / 1000.0)
            if message := robot.step(clock.monotonic_ms(), clock.utc_ms()):
                await client.publish(message.topic, message.payload, qos=0)
    finally:  # cancelled: switched off in order, which a last will does not tell
        farewell = robot.connection("OFFLINE", clock.utc_ms())
        with suppress(MqttError):
            await client.publish(farewell.topic, farewell.payload, qos=1, retain=True, timeout=FAREWELL_S_MAX)
