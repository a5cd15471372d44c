"""The plain script that anybody would write: pymodbus polls, aiomqtt publishes one JSON message per answer.

`python -m ... WISH`, where WISH is JSON; `broker` 0: it only polls. Library defaults but for the wished time-out.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import aiomqtt
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusException


async def _run(wish: dict[str, Any]) -> None:
    client = AsyncModbusSerialClient(
        wish["device"], baudrate=wish["baud"], timeout=wish["timeout_ms"] / 1000, retries=0
    )
    assert await client.connect()
    async with AsyncExitStack() as stack:
        mqtt = None
        if wish["broker"]:
            mqtt = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", wish["broker"]))
        while True:
            for station in range(1, wish["stations"] + 1):
                try:
                    answer = await client.read_holding_registers(0, count=wish["registers"], device_id=station)
                except ModbusException:
                    continue
                if mqtt is not None and not answer.isError():
                    await mqtt.publish(f"bench/{station}", json.dumps(answer.registers), qos=1)


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.argv[1])))
