"""Air through a net of roads: the square law of friction, fans with falling curves, natural draught. Pure.

A road with the flow Q (m3/s) from its begin to its end loses

    p(Q) = W Q|Q| + r Q - H      Pa      W resistance, N s2/m8     H what pushes: fan at no flow, natural draught

(Atkinson's square law; McPherson, Subsurface Ventilation Engineering, ch. 5). r is a small laminar part, so that a
stopped net has one solution. In every mesh the losses add up to nothing, at every node what comes goes. The flows are
those with the least content  sum(W |Q|^3 / 3 + r Q^2 / 2 - H Q)  (Maxwell's principle for square-law nets): a convex
function, found by Newton's method on the mesh flows with a halved step wherever a whole one would go uphill; the
classic Hardy-Cross iteration (ibid., ch. 7) is the same with the diagonal only. Flow at a node is kept to rounding,
because mesh flows cannot break it. Inertia of the air is left out: it settles within seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LAMINAR = 0.002  # Pa s/m3
NEWTON_MAX = 200
HALVINGS_MAX = 60
SETTLED_PA = 1e-9
AIR_KG_M3 = 1.2


class Ends(NamedTuple):
    """Numbers of the nodes a road begins and ends at."""

    begin: int
    end: int


class Net:
    """Nodes 0..`nodes`-1 joined by roads; node 0 is outside: the rest of the mine, where air comes from and goes to."""

    def __init__(self, nodes: int, roads: Sequence[Ends]) -> None:
        self.nodes = nodes
        self.roads = tuple(roads)
        self._way: list[tuple[int, int]] = []  # node, road to its parent: children first
        self._parent = [-1] * nodes
        self._grow()
        tree = {road for _, road in self._way}
        self._meshes = [self._mesh(road) for road in range(len(roads)) if road not in tree]

    def flows(
        self,
        weight: Sequence[float],
        push_pa: Sequence[float],
        inflow_m3_s: Sequence[float],
        near: Sequence[float] | None = None,
    ) -> tuple[float, ...]:
        """Flow of each road in m3/s.

        `weight`: W of each road; `push_pa`: H of each road; `inflow_m3_s`: gas born at each node. `near`: flows that
        are probably close, such as the last ones.
        """
        base = self._carry_out(inflow_m3_s)
        chords = [mesh[0][0] for mesh in self._meshes]
        mesh_flows = [(near[chord] if near is not None else 1.0) for chord in chords]
        flows = self._add(base, mesh_flows)
        wrong = self._wrong(flows, weight, push_pa)
        for _ in range(NEWTON_MAX):
            if all(abs(pa) <= SETTLED_PA * (1.0 + sum(abs(push_pa[b]) for b, _ in mesh))
                   for pa, mesh in zip(wrong, self._meshes, strict=True)):  # fmt: skip
                break
            move = solve(self._stiffness(weight, flows), wrong)
            whole = [q - dq for q, dq in zip(mesh_flows, move, strict=True)]
            there = self._wrong(self._add(base, whole), weight, push_pa)
            # near the end the content is flat to rounding; there only the losses tell that a step was good
            if max(map(abs, there)) > max(map(abs, wrong)) / 2.0:
                downhill = self._downhill(base, mesh_flows, move, weight, push_pa)
                if downhill is None:
                    break  # no step goes down any more: as good as the numbers allow
                whole = downhill
            mesh_flows = whole
            flows = self._add(base, mesh_flows)
            wrong = self._wrong(flows, weight, push_pa)
        return tuple(flows)

    def _wrong(self, flows: Sequence[float], weight: Sequence[float], push_pa: Sequence[float]) -> list[float]:
        """What is missing to balance in each mesh, Pa."""
        return [
            sum(sign * (flows[b] * (weight[b] * abs(flows[b]) + LAMINAR) - push_pa[b]) for b, sign in mesh)
            for mesh in self._meshes
        ]

    def _downhill(
        self, base: list[float], at: list[float], move: list[float], weight: Sequence[float], push_pa: Sequence[float]
    ) -> list[float] | None:
        here, share = _content(self._add(base, at), weight, push_pa), 1.0
        for _ in range(HALVINGS_MAX):
            there = [q - share * dq for q, dq in zip(at, move, strict=True)]
            if there == at:
                return None
            if _content(self._add(base, there), weight, push_pa) <= here:
                return there
            share /= 2.0
        return None

    def _stiffness(self, weight: Sequence[float], flows: Sequence[float]) -> list[list[float]]:
        found = []
        for mesh in self._meshes:
            signs = dict(mesh)
            slopes = {b: sign * (2.0 * weight[b] * abs(flows[b]) + LAMINAR) for b, sign in signs.items()}
            found.append([sum(slopes[b] * sign for b, sign in other if b in slopes) for other in self._meshes])
        return found

    def _add(self, base: Sequence[float], mesh_flows: Sequence[float]) -> list[float]:
        flows = list(base)
        for mesh, flow in zip(self._meshes, mesh_flows, strict=True):
            for road, sign in mesh:
                flows[road] += sign * flow
        return flows

    def _carry_out(self, inflow_m3_s: Sequence[float]) -> list[float]:
        """What is born at the nodes, led out along the tree."""
        owed, flows = list(inflow_m3_s), [0.0] * len(self.roads)
        for node, road in self._way:
            parent = self._parent[node]
            flows[road] = owed[node] if self.roads[road].begin == node else -owed[node]
            owed[parent] += owed[node]
        return flows

    def _grow(self) -> None:
        reached, order = {0}, [0]
        for node in order:
            for number, road in enumerate(self.roads):
                for here, there in (road, (road.end, road.begin)):
                    if here == node and there not in reached:
                        reached.add(there)
                        order.append(there)
                        self._parent[there] = node
                        self._way.insert(0, (there, number))
        lonely = sorted(set(range(self.nodes)) - reached)
        if lonely:
            raise ValueError(f"no road leads from outside to node {lonely[0]}")

    def _mesh(self, chord: int) -> list[tuple[int, int]]:
        """The chord, and the way through the tree that closes it: (road, +1 along it or -1 against it)."""
        begin, end = self.roads[chord]
        up, down = self._to_root(end, +1), self._to_root(begin, -1)
        shared = {road for road, _ in up} & {road for road, _ in down}
        return [(chord, 1), *(step for step in up + down if step[0] not in shared)]

    def _to_root(self, node: int, direction: int) -> list[tuple[int, int]]:
        upward = dict(self._way)
        found = []
        while node != 0:
            road = upward[node]
            found.append((road, direction if self.roads[road].begin == node else -direction))
            node = self._parent[node]
        return found


def solve(matrix: list[list[float]], right: Sequence[float]) -> list[float]:
    """x of matrix x = right, by elimination with the largest pivot; ValueError if there is none."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if not abs(rows[pivot][column]) > 0.0:
            raise ValueError("the equations have no single solution")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        first = rows[column]
        for row in rows[column + 1 :]:
            if row[column]:
                share = row[column] / first[column]
                for index in range(column, size + 1):
                    row[index] -= share * first[index]
    found = [0.0] * size
    for column in reversed(range(size)):
        known = sum(rows[column][index] * found[index] for index in range(column + 1, size))
        found[column] = (rows[column][size] - known) / rows[column][column]
    return found


def _content(flows: Sequence[float], weight: Sequence[float], push_pa: Sequence[float]) -> float:
    return sum(q * (q * (w * abs(q) / 3.0 + LAMINAR / 2.0) - h) for q, w, h in zip(flows, weight, push_pa, strict=True))
