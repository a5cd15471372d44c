"""Signed anchors: every so often the gateway's key says what the hash chain is, as an event like all others.

Between two anchors nothing can be changed, added or taken out without the key; `minegate verify` shows it, and so can
any receiver, because what the chain covers is delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from minegate_agent.clock import Clock
from minegate_agent.link.committer import Committer
from minegate_agent.link.journal import Journal
from minegate_agent.link.signing import Signer, is_signed

LOOK_S = 5.0
RECORDS_MAX = 10_000  # behind an anchor there is another one after so many records ...
AGE_MS_MAX = 600_000  # ... or so much time, if there was any record


def signed_text(mine: str, gateway: str, through: int, chain: bytes) -> bytes:
    """What the signature is on."""
    return f"minegate anchor 1\n{mine}\n{gateway}\n{through}\n{chain.hex()}\n".encode("ascii")


def holds(event: Mapping[str, Any], mine: str, gateway: str, key: bytes) -> bool:
    """Whether the anchor event is signed with this public key for this gateway."""
    through, chain, signature = event.get("through"), event.get("chain"), event.get("signature")
    if type(through) is not int or not isinstance(chain, bytes) or not isinstance(signature, bytes):
        return False
    return is_signed(key, signed_text(mine, gateway, through, chain), signature)


async def keep_anchoring(
    journal: Journal, committer: Committer, clock: Clock, signer: Signer, mine: str, gateway: str
) -> None:
    """Write an anchor now and whenever it is time, for ever."""
    anchored, since_ms = 0, clock.monotonic_ms() - AGE_MS_MAX
    while True:
        through, chain = journal.chain
        old = clock.monotonic_ms() - since_ms >= AGE_MS_MAX
        if through > anchored and (old or through - anchored >= RECORDS_MAX):
            signature = signer.sign(signed_text(mine, gateway, through, chain))
            told = {"through": through, "chain": chain, "key": signer.public, "signature": signature}
            anchored = await committer.own_event("anchor", **told)
            since_ms = clock.monotonic_ms()
        await asyncio.sleep(LOOK_S)
