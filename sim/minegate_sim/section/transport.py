"""What the air carries: gas, smoke, dust and heat in rows of well-mixed cells along the roads. Pure.

A road is a row of cells (tanks in series: Levenspiel, Chemical Reaction Engineering, ch. 14). For the amount m in a
cell of volume V, with c = m / V and flows f at its two sides,

    dm/dt = f_in c_in + source - f_out c - k m        k: what settles or goes to the rock, 1/s

taken upwind and implicit: c is never negative nor above its sources, however long the step. At a node everything that
arrives is mixed. Within a road the cells depend on the one before them only, so the new state of a road is linear in
the content of the air that enters it; what remains to be solved together are the nodes. So it is exact for air that
runs in circles too, and the books close to rounding: entered = left + settled + stored. Diffusion is left out.

Gas that is born in a cell drives as much out of it, so flow grows along a road (`faces`), and pure gas is the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minegate_sim.section.network import Net, solve

Rows = tuple[tuple[float, ...], ...]  # one row per road, one number per cell (or per side of a cell)


class Moved(NamedTuple):
    """One step: the amounts afterwards, and what came and went meanwhile."""

    amounts: Rows
    entered: float
    left: float
    settled: float


def faces(flows_m3_s: Sequence[float], born_m3_s: Rows) -> Rows:
    """Flow through the sides of the cells of each road, counted from its begin to its end."""
    found = []
    for flow, born in zip(flows_m3_s, born_m3_s, strict=True):
        row = [flow]
        for more in born:
            row.append(row[-1] + more)
        found.append(tuple(row))
    return tuple(found)


def advance(
    net: Net,
    sides: Rows,
    volumes_m3: Rows,
    amounts: Rows,
    sources: Rows,
    decay_per_s: Sequence[float],
    outside: float,
    dt_s: float,
) -> Moved:
    """One substance `dt_s` later. `sources`: per cell and second; `decay_per_s`: per road; `outside`: content there."""
    rows = [
        _row(side, volume, amount, source, decay, dt_s)
        for side, volume, amount, source, decay in zip(sides, volumes_m3, amounts, sources, decay_per_s, strict=True)
    ]
    at_nodes = _mixed(net, sides, rows, outside)
    after, settled = [], 0.0
    left, entered = 0.0, dt_s * sum(map(sum, sources))
    for ends, side, volume, row, decay in zip(net.roads, sides, volumes_m3, rows, decay_per_s, strict=True):
        inlet = _inlet(ends, side)
        comes = at_nodes[inlet] if inlet is not None else 0.0
        content = [slope * comes + own for slope, own in row]
        after.append(tuple(c * v for c, v in zip(content, volume, strict=True)))
        settled += dt_s * decay * sum(after[-1])
        if ends.begin == 0:
            entered += dt_s * max(0.0, side[0]) * outside
            left += dt_s * max(0.0, -side[0]) * content[0]
        if ends.end == 0:
            entered += dt_s * max(0.0, -side[-1]) * outside
            left += dt_s * max(0.0, side[-1]) * content[-1]
    return Moved(tuple(after), entered, left, settled)


def _inlet(ends: tuple[int, int], side: Sequence[float]) -> int | None:
    """The node whose air enters; None for a road that only gives."""
    if side[0] > 0.0:
        return ends[0]
    return ends[1] if side[-1] < 0.0 else None


def _row(
    side: Sequence[float],
    volume: Sequence[float],
    amount: Sequence[float],
    source: Sequence[float],
    decay: float,
    dt_s: float,
) -> list[tuple[float, float]]:
    """Per cell (slope, own): its new content is slope * content of the air that enters the road + own."""
    count = len(volume)
    found = [(0.0, 0.0)] * count
    if side[0] > 0.0:
        first, before = 0, (1.0, 0.0)
    elif side[-1] < 0.0:
        first, before = count, (1.0, 0.0)
    else:  # the air parts somewhere inside, where it is born
        first = next(i for i in range(count) if side[i] <= 0.0 <= side[i + 1])
        before = (0.0, 0.0)
    carried = before
    for i in range(first, count):
        comes = max(0.0, side[i])
        goes = max(0.0, side[i + 1]) + max(0.0, -side[i])
        held = volume[i] * (1.0 + dt_s * decay) + dt_s * goes
        slope = dt_s * comes * carried[0] / held
        carried = found[i] = (slope, (amount[i] + dt_s * (source[i] + comes * carried[1])) / held)
    carried = found[first] if first < count else before
    for i in range(first - 1, -1, -1):
        comes, goes = -side[i + 1], -side[i]
        held = volume[i] * (1.0 + dt_s * decay) + dt_s * goes
        slope = dt_s * comes * carried[0] / held
        carried = found[i] = (slope, (amount[i] + dt_s * (source[i] + comes * carried[1])) / held)
    return found


def _mixed(net: Net, sides: Rows, rows: list[list[tuple[float, float]]], outside: float) -> list[float]:
    """Content of the air that leaves each node."""
    through = [0.0] * net.nodes
    comes = [[0.0] * net.nodes for _ in range(net.nodes)]
    own = [0.0] * net.nodes
    for ends, side, row in zip(net.roads, sides, rows, strict=True):
        inlet = _inlet(ends, side)
        for node, flow, (slope, base) in ((ends.end, side[-1], row[-1]), (ends.begin, -side[0], row[0])):
            if flow > 0.0 and node != 0:
                through[node] += flow
                own[node] += flow * base
                if inlet is not None:
                    comes[node][inlet] += flow * slope
    matrix, right = [], []
    for node in range(net.nodes):
        given = node == 0 or not through[node] > 0.0
        matrix.append([(1.0 if node == other else 0.0) - (0.0 if given else comes[node][other] / through[node])
                       for other in range(net.nodes)])  # fmt: skip
        right.append((outside if node == 0 else 0.0) if given else own[node] / through[node])
    return solve(matrix, right)
