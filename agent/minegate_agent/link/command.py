"""A command from above: signed, expiring, never twice. What is taken and what is refused. Pure.

Nothing that comes down the uplink can permit power, raise a limit or lengthen a delay; the one command that touches
power takes it away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgpack

from minegate_agent.clock import ClockQuality
from minegate_agent.link.payload import VERSION
from minegate_agent.link.signing import Signer, is_signed

STATUS = "status"
HISTORY = "history"
CUT = "cut"
STAGE = "stage"
_KEYS: Mapping[str, Mapping[str, type]] = {
    STATUS: {},
    HISTORY: {"first": int, "last": int},
    CUT: {"area": str, "reason": str},
    STAGE: {"content": bytes},
}
_COMMON: Mapping[str, type] = {"mine": str, "gateway": str, "number": int, "not_after": int, "by": str, "do": str}
VALID_MS_MAX = 24 * 3_600_000  # nobody signs a command for longer than a day ahead
BYTES_MAX = 300_000
NUMBER_MAX = (1 << 63) - 1


class Refused(Exception):  # noqa: N818 - says what the gateway does
    """The text is the reason. `told`: what is known of the command for the event; empty if it is not even signed."""

    def __init__(self, reason: str, told: Mapping[str, object] | None = None) -> None:
        super().__init__(reason)
        self.told = dict(told or {})


class Command(NamedTuple):
    """A command that may be carried out. `number` rises with every command of this key."""

    key: bytes
    number: int
    by: str
    do: str
    arguments: dict[str, Any]

    def told(self) -> dict[str, object]:
        """What its events say of it."""
        return {"do": self.do, "by": self.by, "number": self.number, "key": self.key.hex()[:16]}


def command_message(signer: Signer, **told: object) -> bytes:
    """The message that whoever may command sends; the keys are those of _COMMON and of what is to be done."""
    body = bytes(msgpack.packb(told))
    signature = signer.sign(_signed(body))
    return bytes(msgpack.packb({"v": VERSION, "key": signer.public, "body": body, "signature": signature}))


def taken(
    payload: bytes,
    keys: Collection[bytes],
    mine: str,
    gateway: str,
    now_utc_ms: int,
    quality: ClockQuality,
) -> Command:
    """The command, if one of these public keys signed it for this gateway and it has not expired. Raises Refused."""
    key, body = _opened(payload, keys)
    told = _map(body)
    command = _command(key, told)
    if (told["mine"], told["gateway"]) != (mine, gateway):
        raise Refused(f"for gateway {told['gateway']} of mine {told['mine']}", command.told())
    if quality is ClockQuality.UNSYNCHRONISED and command.do != CUT:
        raise Refused("the gateway's clock is not synchronised, so nobody knows whether it has expired", command.told())
    if quality is not ClockQuality.UNSYNCHRONISED and not now_utc_ms <= told["not_after"] <= now_utc_ms + VALID_MS_MAX:
        raise Refused(f"not_after {told['not_after']} is not within a day from now, {now_utc_ms}", command.told())
    return command


def _signed(body: bytes) -> bytes:
    return b"minegate command 1\n" + body


def _opened(payload: bytes, keys: Collection[bytes]) -> tuple[bytes, bytes]:
    if len(payload) > BYTES_MAX:
        raise Refused(f"{len(payload)} bytes, limit {BYTES_MAX}")
    outer = _map(payload)
    key, body, signature = outer.get("key"), outer.get("body"), outer.get("signature")
    if outer.get("v") != VERSION or not all(isinstance(each, bytes) for each in (key, body, signature)):
        raise Refused(f"not a command of version {VERSION}")
    assert isinstance(key, bytes)
    assert isinstance(body, bytes)
    assert isinstance(signature, bytes)
    if key not in keys:
        raise Refused("signed with a key that may not command here")
    if not is_signed(key, _signed(body), signature):
        raise Refused("the signature is not the key's")
    return key, body


def _map(data: bytes) -> dict[str, Any]:
    try:
        found = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise Refused(f"not msgpack: {error}") from error
    if not isinstance(found, dict):
        raise Refused("not a map")
    return found


def _command(key: bytes, told: dict[str, Any]) -> Command:
    _refuse_strange(told, _COMMON)
    if not 0 < told["number"] <= NUMBER_MAX:
        raise Refused(f"number {told['number']}, 1 to {NUMBER_MAX} expected")
    if told["do"] not in _KEYS:
        raise Refused(f"{told['do'][:40]!r} is not among {', '.join(_KEYS)}", {"number": told["number"]})
    arguments = {name: each for name, each in told.items() if name not in _COMMON}
    command = Command(key, told["number"], told["by"][:40], told["do"], arguments)
    _refuse_strange(arguments, _KEYS[command.do])
    if len(arguments) != len(_KEYS[command.do]):
        raise Refused(f"{command.do} takes {', '.join(_KEYS[command.do]) or 'nothing'}", command.told())
    return command


def _refuse_strange(told: Mapping[str, Any], expected: Mapping[str, type]) -> None:
    for name, kind in expected.items():
        if type(told.get(name)) is not kind:
            raise Refused(f"{name} is {str(told.get(name))[:40]!r}, {kind.__name__} expected")
