"""Air and gas in a net of roads keep the laws they claim, for any net, any wind and any step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_sim.section.network import LAMINAR, Ends, Net, solve
from minegate_sim.section.resistance import SEALED, Fan, draught_pa, fall, friction, leak, spun
from minegate_sim.section.transport import advance, faces

MIN_S, MAX_S = 1e-3, 1e6


@dataclass(frozen=True)
class Mine:
    """A random section: a tree that reaches every node, and more roads across it."""

    net: Net
    weight: list[float]
    push_pa: list[float]
    volumes: tuple[tuple[float, ...], ...]
    born: tuple[tuple[float, ...], ...]

    def flows(self) -> tuple[float, ...]:
        inflow = [0.0] * self.net.nodes
        for ends, born in zip(self.net.roads, self.born, strict=True):
            inflow[ends.end] += sum(born)
        return self.net.flows(self.weight, self.push_pa, inflow)


@st.composite
def mines(draw: st.DrawFn) -> Mine:
    nodes = draw(st.integers(2, 7))
    roads = []
    for node in range(1, nodes):
        other = draw(st.integers(0, node - 1))
        roads.append(Ends(node, other) if draw(st.booleans()) else Ends(other, node))
    more = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(lambda pair: pair[0] != pair[1])
    roads += [Ends(*pair) for pair in draw(st.lists(more, min_size=1, max_size=5))]
    count = len(roads)
    cells = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    some = st.floats(0.0, 2.0)
    return Mine(
        Net(nodes, roads),
        draw(st.lists(st.sampled_from([0.01, 0.5, 3.0, 200.0, SEALED]), min_size=count, max_size=count)),
        draw(st.lists(st.sampled_from([0.0, 0.0, 30.0, -200.0, 1500.0]), min_size=count, max_size=count)),
        tuple(tuple(draw(st.floats(1.0, 500.0)) for _ in range(n)) for n in cells),
        tuple(tuple(draw(some) if draw(st.booleans()) else 0.0 for _ in range(n)) for n in cells),
    )


@given(mines())
@settings(max_examples=40, deadline=None)
def test_what_comes_to_a_node_goes_from_it_and_every_mesh_is_in_balance(mine: Mine) -> None:
    flows = mine.flows()
    most = 1.0 + max(map(abs, flows))
    for node in range(1, mine.net.nodes):
        kept = 0.0
        for ends, flow, born in zip(mine.net.roads, flows, mine.born, strict=True):
            kept += (ends.end == node) * (flow + sum(born)) - (ends.begin == node) * flow
        assert abs(kept) <= 1e-12 * most
    # every loss is the difference of two node pressures: that is what balance in every mesh means
    loss = [q * (w * abs(q) + LAMINAR) - h for q, w, h in zip(flows, mine.weight, mine.push_pa, strict=True)]
    pressures = {0: 0.0}
    for _ in mine.net.roads:
        for ends, pa in zip(mine.net.roads, loss, strict=True):
            if ends.begin in pressures:
                pressures.setdefault(ends.end, pressures[ends.begin] - pa)
            elif ends.end in pressures:
                pressures[ends.begin] = pressures[ends.end] + pa
    scale = 1.0 + sum(abs(pa) for pa in loss) + sum(map(abs, mine.push_pa))
    for ends, pa in zip(mine.net.roads, loss, strict=True):
        assert abs(pressures[ends.begin] - pressures[ends.end] - pa) <= 1e-6 * scale


@given(mines(), st.lists(st.floats(MIN_S, MAX_S), min_size=1, max_size=8), st.floats(0.0, 0.01), st.floats(0.0, 0.1))
@settings(max_examples=40, deadline=None)
def test_gas_in_is_gas_out_and_gas_stored_and_never_more_than_pure(
    mine: Mine, steps_s: list[float], outside: float, decay: float
) -> None:
    sides = faces(mine.flows(), mine.born)
    amounts = tuple(tuple(0.5 * outside * v for v in row) for row in mine.volumes)
    before, entered, gone = sum(map(sum, amounts)), 0.0, 0.0
    for dt_s in steps_s:
        moved = advance(mine.net, sides, mine.volumes, amounts, mine.born, [decay] * len(sides), outside, dt_s)
        amounts, entered, gone = moved.amounts, entered + moved.entered, gone + moved.left + moved.settled
        for row, volumes in zip(amounts, mine.volumes, strict=True):
            assert all(0.0 <= amount <= volume * (1.0 + 1e-9) for amount, volume in zip(row, volumes, strict=True))
    assert abs(before + entered - gone - sum(map(sum, amounts))) <= 1e-9 * (1.0 + before + entered)


@given(mines(), st.floats(MIN_S, MAX_S))
@settings(max_examples=25, deadline=None)
def test_air_of_one_content_everywhere_stays_as_it_is(mine: Mine, dt_s: float) -> None:
    nothing = tuple(tuple(0.0 for _ in row) for row in mine.born)
    net = mine.net
    sides = faces(net.flows(mine.weight, mine.push_pa, [0.0] * net.nodes), nothing)
    amounts = tuple(tuple(0.002 * v for v in row) for row in mine.volumes)
    moved = advance(net, sides, mine.volumes, amounts, nothing, [0.0] * len(sides), 0.002, dt_s)
    for row, before in zip(moved.amounts, amounts, strict=True):
        assert row == pytest.approx(before, rel=1e-6)


def u_tube(fan_pa: float, **changed: float) -> tuple[float, ...]:
    """Intake, two splits side by side, return with a fan."""
    weight = {"intake": 0.2, "left": 1.0, "right": 4.0, "return": 0.2} | changed
    net = Net(3, [Ends(0, 1), Ends(1, 2), Ends(1, 2), Ends(2, 0)])
    return net.flows(list(weight.values()), [0.0, 0.0, 0.0, fan_pa], [0.0] * 3)


def test_two_splits_share_the_air_by_the_root_of_their_resistance() -> None:
    intake, left, right, back = u_tube(1000.0)
    assert intake == pytest.approx(back)
    assert left / right == pytest.approx(2.0, rel=1e-3)
    assert intake == pytest.approx(math.sqrt(1000.0 / (0.4 + 1.0 / (1.0 + 0.5) ** 2)), rel=1e-3)


@given(st.floats(10.0, 3000.0), st.floats(1.1, 100.0))
@settings(max_examples=30, deadline=None)
def test_more_fan_is_more_air_and_more_resistance_is_less_air_here_and_more_next_door(pa: float, times: float) -> None:
    plain, blown, choked = u_tube(pa), u_tube(pa * times), u_tube(pa, left=times)
    assert blown[0] > plain[0]
    assert choked[1] < plain[1]
    assert choked[2] > plain[2]
    assert choked[0] < plain[0]


def test_a_fan_works_where_its_curve_meets_the_road_and_reverses_with_its_sign() -> None:
    fan = Fan(shut_off_pa=1200.0, flow_max_m3_s=20.0)
    net = Net(2, [Ends(0, 1), Ends(1, 0)])
    flow = net.flows([1.0, fan.weight], [0.0, fan.push_pa(1.0)], [0.0, 0.0])[1]
    assert fan.push_pa(1.0) - fan.weight * flow**2 == pytest.approx(1.0 * flow**2, rel=1e-3)
    half = net.flows([1.0, fan.weight], [0.0, fan.push_pa(0.5)], [0.0, 0.0])[1]
    assert half == pytest.approx(flow / 2.0, rel=1e-3)  # flow goes with the speed
    assert net.flows([1.0, fan.weight], [0.0, -fan.push_pa(1.0)], [0.0, 0.0])[1] == pytest.approx(-flow)
    assert net.flows([1.0, fan.weight], [0.0, 0.0], [0.0, 0.0]) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_warm_air_in_a_rising_road_draws_and_cold_air_falls() -> None:
    net = Net(2, [Ends(0, 1), Ends(1, 0)])
    assert net.flows([1.0, 1.0], [draught_pa(50.0, 20.0), 0.0], [0.0, 0.0])[0] > 1.0
    assert net.flows([1.0, 1.0], [draught_pa(50.0, -20.0), 0.0], [0.0, 0.0])[0] < -1.0


def test_gas_born_in_a_dead_end_comes_out_by_itself() -> None:
    net = Net(2, [Ends(1, 0)])
    flow = net.flows([1.0], [0.0], [0.0, 0.0])
    sides = faces(flow, ((0.1, 0.0, 0.0),))
    assert sides == ((0.0, 0.1, 0.1, 0.1),)
    amounts: tuple[tuple[float, ...], ...] = ((0.0, 0.0, 0.0),)
    for _ in range(4000):
        amounts = advance(net, sides, ((10.0,) * 3,), amounts, ((0.1, 0.0, 0.0),), [0.0], 0.0, 1.0).amounts
    assert amounts[0] == pytest.approx((10.0, 10.0, 10.0), rel=1e-3)


def test_a_plug_takes_the_volume_of_the_road_over_its_flow() -> None:
    net = Net(2, [Ends(0, 1), Ends(1, 0)])
    sides, nothing = faces((5.0, 5.0), ((0.0,) * 4, (0.0,))), ((0.0,) * 4, (0.0,))
    amounts: tuple[tuple[float, ...], ...] = ((2.0, 0.0, 0.0, 0.0), (0.0,))
    arrived = moment = 0.0
    for step in range(1, 8001):
        moved = advance(net, sides, ((25.0,) * 4, (100.0,)), amounts, nothing, [0.0, 0.0], 0.0, 0.05)
        amounts = moved.amounts
        arrived, moment = arrived + moved.left, moment + moved.left * step * 0.05
    assert arrived == pytest.approx(2.0, rel=1e-3)
    assert moment / arrived == pytest.approx(200.0 / 5.0, rel=0.02)


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.009))
def test_a_smaller_opening_resists_more_and_a_torn_duct_loses_more(share: float, less: float) -> None:
    assert 0.0 < fall(share, 12.0) < fall(share - less, 12.0) <= SEALED
    assert fall(1.0, 12.0) == pytest.approx(0.0)
    assert leak(50.0, share - less) < leak(50.0, share) < SEALED
    assert leak(50.0, 1.0) == fall(0.0, 12.0) == SEALED
    assert friction(0.012, 200.0, 12.0) < friction(0.012, 201.0, 12.0) < friction(0.012, 200.0, 11.0)


@given(st.floats(0.0, 1.0), st.booleans(), st.floats(0.0, 1e9))
def test_a_fan_stays_between_standing_and_full_speed(speed: float, running: bool, dt_s: float) -> None:
    after = spun(speed, running, dt_s)
    assert 0.0 <= after <= 1.0
    assert after >= speed if running else after <= speed


def test_what_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="node 2"):
        Net(3, [Ends(0, 1)])
    with pytest.raises(ValueError, match="no single solution"):
        solve([[1.0, 1.0], [1.0, 1.0]], [1.0, 2.0])
