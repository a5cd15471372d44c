"""Where a consumer's delivery takes its records from, and how it cuts them."""

from __future__ import annotations

from dataclasses import dataclass

from minegate_agent.clock import Clock
from minegate_agent.link.advance import Advance
from minegate_agent.link.ahead import Ahead
from minegate_agent.link.births import Births
from minegate_agent.link.formats import Format
from minegate_agent.link.journal import Journal
from minegate_agent.link.receipts import Receipts
from minegate_agent.link.recent import Recent
from minegate_agent.link.watermark import Watermark


@dataclass(frozen=True, slots=True)
class Source:
    """What is delivered, and how it is cut: a live block goes out when it has `records_max` records, `block_ms` after
    its first one was read, or `block_ms` after the block before it, whichever is first. `streams`: what this consumer
    wants of live, history and event.
    """

    journal: Journal
    births: Births
    durable: Advance
    recent: Recent
    watermark: Watermark
    ahead: Ahead
    clock: Clock
    form: Format
    receipts: Receipts | None
    streams: frozenset[str]
    records_max: int
    block_ms: int
