"""thingsboard-gateway as it is installed and configured for the same line: one read of all registers, each 100 ms.

It is given what it does best with: ranges instead of single registers, and storage in memory. It goes into a
virtual environment of its own, which is thrown away with the benchmark's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from minegate_tools.bench.uplink_site import Asked
from minegate_tools.bench.uplink_stage import Stage
from minegate_tools.bench.uplink_tree import Tree

PACKAGE = "thingsboard-gateway 3.8.5"
# What it would otherwise install by itself when its Modbus connector starts.
_REQUIRED = ("thingsboard-gateway==3.8.5", "pymodbus==3.9.2", "pyserial==3.5", "pyserial-asyncio==0.6")
INSTALL_S = 600.0
SETTLE_S = 15.0
POLL_MS = 100
_TOPIC = "v1/gateway/telemetry"
_ASKS = "v1/devices/me/rpc/request/+"
# It publishes nothing before its platform has told it what it may send. As much as it likes:
_LIMITS = ("messages", "telemetryMessages", "telemetryDataPoints")
_ALLOWED = {
    "maxPayloadSize": 65_536, "maxInflightMessages": 100,
    "rateLimits": dict.fromkeys(_LIMITS, "0:0,"), "gatewayRateLimits": dict.fromkeys(_LIMITS, "0:0,"),
}  # fmt: skip
START = "import os, sys; os.environ['TB_GW_CONFIG_DIR'] = sys.argv[1]; os.chdir(sys.argv[1]); \
from thingsboard_gateway.tb_gateway import daemon; daemon()"


class NotInstalled(Exception):  # noqa: N818 - says what is the case
    """It could not be had. The text is the installer's last word."""


def installed(folder: Path) -> Path:
    """The interpreter of a fresh environment that has it. Raises NotInstalled."""
    python = folder / "venv/bin/python"
    steps = ((sys.executable, "-m", "venv", str(folder / "venv")), (str(python), "-m", "pip", "install", *_REQUIRED))
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode != 0:
            raise NotInstalled((done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1])
    return python


def configured(folder: Path, line: Path, broker: int, asked: Asked) -> Path:
    """A configuration folder for the slaves of `line`."""
    config = folder / "config"
    (config / "logs").mkdir(parents=True)
    slaves = [
        {
            "type": "serial", "method": "rtu", "port": os.readlink(line), "baudrate": asked.baud, "timeout": 1,
            "stopbits": 1, "bytesize": 8, "parity": "N", "byteOrder": "BIG", "wordOrder": "BIG", "retries": 1,
            "pollPeriod": POLL_MS, "unitId": station, "deviceName": f"s{station}", "attributes": [],
            "attributeUpdates": [], "rpc": [],
            "timeseries": [
                {
                    "tag": "r_${unitId}_${functionCode}_${address}", "type": "16uint", "functionCode": 3,
                    "objectsCount": 1, "address": f"0-{asked.registers - 1}", "maxRegistersPerRequest": asked.registers,
                }
            ],
        }
        for station in range(1, asked.stations + 1)
    ]  # fmt: skip
    files: dict[str, Any] = {
        "tb_gateway.json": {
            "thingsboard": {
                "host": "127.0.0.1", "port": broker, "remoteShell": False, "remoteConfiguration": False,
                "security": {"type": "accessToken", "accessToken": "bench"}, "qos": 1,
                "statistics": {"enable": False}, "checkingDeviceActivity": {"checkDeviceInactivity": False},
                "rateLimits": "0:0,", "dpRateLimits": "0:0,", "messagesRateLimits": "0:0,",
                "deviceMessagesRateLimits": "0:0,", "deviceRateLimits": "0:0,", "deviceDpRateLimits": "0:0,",
            },
            "storage": {"type": "memory", "read_records_count": 1000, "max_records_count": 100_000},
            "grpc": {"enabled": False},
            "connectors": [{"type": "modbus", "name": "line", "configuration": "modbus.json"}],
        },
        "modbus.json": {"name": "line", "logLevel": "ERROR", "master": {"slaves": slaves}},
        "logs.json": {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR", "handlers": []}},
    }  # fmt: skip
    for name, content in files.items():
        (config / name).write_text(json.dumps(content), encoding="utf-8")
    return config


async def measured(ours: Stage, pid: int, seconds: float) -> float | None:
    """CPU for each value that arrives at the broker, in microseconds; None if none does."""
    counted = _Counted()
    async with aiomqtt.Client("127.0.0.1", ours.broker.port) as client, asyncio.TaskGroup() as tasks:
        for topic in (_TOPIC, _ASKS):
            await client.subscribe(topic, qos=1)
        listening = tasks.create_task(_platform(client, counted), name="platform")
        await asyncio.sleep(SETTLE_S)
        tree = Tree(pid)
        before, published = tree.used(), counted.values
        await asyncio.sleep(seconds)
        used, published = tree.used().since(before), counted.values - published
        listening.cancel()
    return used.cpu_s * 1e6 / published if published else None


@dataclass
class _Counted:
    values: int = 0


async def _platform(client: aiomqtt.Client, counted: _Counted) -> None:
    """What ThingsBoard does here: say what may be sent, and take it."""
    async for message in client.messages:
        topic = str(message.topic)
        if topic == _TOPIC:
            counted.values += _values(message.payload)
        else:
            await client.publish(topic.replace("request", "response"), json.dumps(_ALLOWED), qos=1)


def _values(payload: object) -> int:
    told = json.loads(payload) if isinstance(payload, bytes) else {}
    return sum(len(row.get("values", row)) for rows in told.values() for row in rows)
