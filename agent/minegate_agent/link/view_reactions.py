"""How long cuts took, path by path, as the interlock measures it: from the reading to the contact read back open."""

from __future__ import annotations

from minegate_interlock.lines import Lateness, Reaction
from minegate_interlock.reaction import EDGES_MS, counts_of, quantile_ms

PATHS_MAX = 512


class ReactionRows:
    """The newest histogram of each path, in the order in which they were first heard. `edges_ms` are the buckets' upper
    edges; the last bucket has none.
    """

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], Reaction] = {}
        self._ticks: Lateness | None = None

    def hear(self, reaction: Reaction) -> None:
        """Keep it. More paths than PATHS_MAX no rules file has: limits and outputs are bounded far below."""
        path = (reaction.output, reaction.point)
        if path in self._paths or len(self._paths) < PATHS_MAX:
            self._paths[path] = reaction

    def hear_ticks(self, lateness: Lateness) -> None:
        """Keep it."""
        self._ticks = lateness

    def ticks(self) -> dict[str, object]:
        """How late the interlock's ticks were since its start; empty before it has said so."""
        if self._ticks is None:
            return {}
        return {"late_p99_ms": quantile_ms(self._ticks, 0.99), "late_worst_ms": self._ticks.worst_ms}

    def rows(self) -> list[dict[str, object]]:
        """One JSON-able row per path that has cut."""
        return [_row(reaction) for reaction in self._paths.values()]


def _row(reaction: Reaction) -> dict[str, object]:
    counts = counts_of(reaction)
    return {
        "output": reaction.output,
        "point": reaction.point,
        "cuts": sum(counts),
        "p50_ms": quantile_ms(reaction, 0.5),
        "p99_ms": quantile_ms(reaction, 0.99),
        "worst_ms": reaction.worst_ms,
        "edges_ms": list(EDGES_MS),
        "counts": list(counts),
    }
