"""What the journal lost, as the event that tells it. Pure."""

from __future__ import annotations

from minegate_agent.link.store.losses import Loss


def loss_event(loss: Loss, utc_ms: int) -> dict[str, object]:
    """The event of kind `loss` (agent/PAYLOAD.md)."""
    return {
        "kind": "loss", "from": "link", "utc_ms": utc_ms, "of": "journal", "first": loss.first, "last": loss.last,
        "count": loss.count, "reason": loss.reason, "from_utc_ms": loss.from_utc_ms, "to_utc_ms": loss.to_utc_ms,
        "file": loss.file, "offset": loss.offset, **loss.more,
    }  # fmt: skip
