"""A process loads what its site needs and nothing else: memory and the time to the first value depend on it."""

from __future__ import annotations

import subprocess
import sys

import pytest

WEB = {"uvicorn", "starlette", "minegate_agent.link.page"}


def loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("statement", "spared"),
    [
        ("import minegate_agent.link.__main__", WEB | {"cryptography", "crc32c", "can", "minegate_interlock.rules"}),
        ("import minegate_agent.field.__main__", WEB | {"can", "aiomqtt", "paho", "cantools", "cryptography"}),
        ("import minegate_interlock.__main__", WEB | {"asyncio", "msgspec", "msgpack"}),
        ("from minegate_tools.cli import parser; parser('run')", WEB | {"asyncio", "msgspec", "minegate_agent.check"}),
        (
            "from minegate_drivers.catalogue import find; find('gas_head')",
            {"minegate_drivers.j1939", "minegate_drivers.canopen", "minegate_drivers.dbc", "importlib.metadata"},
        ),
    ],
)
def test_what_is_not_needed_is_not_loaded(statement: str, spared: set[str]) -> None:
    assert loaded(statement) & spared == set()
