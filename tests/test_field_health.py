"""A line says how it is: what it costs, who speaks against it, in numbers that stay the same size for years."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_work import Stage, answering, head, line_port, reading
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.histogram import BOUNDS_MS, Histogram
from minegate_agent.field.patience import Patience
from minegate_drivers.port_health import BUS_STATES
from minegate_drivers.port_health import PortHealth as PortHealthDriver
from virtual_line import in_virtual_time


@given(st.lists(st.floats(0.3, 8900), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_never_too_small_and_at_most_a_quarter_too_large(times: list[float], share: float) -> None:
    histogram = Histogram()
    for took_ms in times:
        histogram.add(took_ms)
    exact = sorted(times)[max(0, -(-int(share * 1000) * len(times) // 1000) - 1)]
    found = histogram.quantile_ms(share)
    assert found is not None
    assert exact <= found <= exact * 1.2501


def test_a_histogram_forgets_and_stays_small() -> None:
    histogram = Histogram()
    for _ in range(100_000):
        histogram.add(5.0)
    for _ in range(4000):
        histogram.add(50.0)
    assert histogram.count <= 2048
    assert histogram.quantile_ms(0.5) == next(bound for bound in BOUNDS_MS if bound >= 50.0)


def test_nothing_is_waited_for_longer_than_the_ceiling_or_shorter_than_the_floor() -> None:
    patience = Patience(5.0, 200.0)
    assert patience.wait_ms() == 200.0  # until its answers are known
    for _ in range(100):
        patience.answered(0.01)
    assert patience.wait_ms() == 5.0
    waits = []
    for _ in range(10):
        patience.missed()
        waits.append(patience.wait_ms())
    assert waits[:4] == [10.0, 20.0, 40.0, 80.0]
    assert waits[-1] == 200.0


def test_the_suspect_is_the_device_that_damages_not_its_neighbours() -> None:
    async def play() -> None:
        turn = [0]

        def answer(request: bytes, now_ms: float) -> tuple[float, bytes]:
            turn[0] += 1
            good = reading(request[0])
            return 6.0, good[:-1] + bytes((good[-1] ^ 1,)) if request[0] == 3 and turn[0] % 3 == 0 else good

        stage = Stage([head(number) for number in range(1, 6)], answer)
        await stage.play(20)
        devices = list(stage.health.values())
        for device in devices:
            device.report(20_000)
        report = stage.port_health.report(devices, 20_000)
        assert report["suspects"] == ["d3"]
        assert report["suspect"] == 3
        assert report["strays"]["damaged"] == report["nonsense"]["crc"] > 5

    in_virtual_time(play())


def test_suspicion_fades_when_the_plug_is_pushed_in_again() -> None:
    device, port = DeviceHealth(1, "d1"), PortHealth("p", "serial")
    device.timeouts = 50
    device.report(0)
    assert port.report([device], 0)["suspects"] == ["d1"]
    for second in range(60):
        device.report(second * 1000)
    assert port.report([device], 60_000)["suspects"] == []


def test_the_use_of_a_line_is_the_time_that_its_polls_take() -> None:
    async def play() -> None:
        stage = Stage([head(number) for number in range(1, 9)], answering(delay_ms=3.65))
        stage.port_health.report([], 0)
        await stage.play(30)
        use = stage.port_health.report(list(stage.health.values()), 30_000)["utilisation"]
        assert use == pytest.approx(8 * (17 * 10 / 9.6 + 3.65 + 3.65) / 500, rel=0.1)

    in_virtual_time(play())


def test_a_ports_health_is_a_record_like_any_other() -> None:
    driver = PortHealthDriver()
    report = {
        "up": True, "bus": {"state": "passive"}, "utilisation": 0.934, "silent": 2, "suspect": 7, "answer_ms_p50": 6.94,
        "answer_ms_p99": 13.5, "nonsense": {"crc": 3, "foreign": 1}, "answered": 100_000, "timeouts": 12,
        "discarded": 30, "foreign": 0, "dropped": 5, "opened": 1, "strays": {"late": 2, "echoed": 9},
    }  # fmt: skip
    layout = driver.layouts[0]
    values = dict(zip((f.name for f in layout.fields), layout.decode(driver.record(report)), strict=True))
    expected = {
        "up": 1, "bus_state": BUS_STATES.index("passive"), "use": 93.4, "silent": 2, "suspect": 7, "answer_p50": 6.94,
        "answer_p99": 13.5, "bad": 4, "answered": 100_000, "timeouts": 12, "discarded": 30, "dropped": 5,
        "stray_late": 2, "stray_echoed": 9, "stray_babble": 0,
    }  # fmt: skip
    assert {name: values[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("report", [{}, {"timeouts": 1 << 40, "utilisation": 90.0}, {"answer_ms_p50": None}])
def test_a_report_that_says_little_or_too_much_still_makes_a_record(report: dict[str, object]) -> None:
    driver = PortHealthDriver()
    assert len(driver.record(report)) == driver.layouts[0].size


def test_an_eager_line_that_carries_nothing_dead_is_used_to_the_last_tenth() -> None:
    async def play() -> None:
        port = line_port(eager=True)
        stage = Stage([head(number, period_ms=2000) for number in range(1, 9)], answering(delay_ms=3.65), port)
        await stage.play(20)
        spoken_ms = len(stage.line.asked) * (17 * 10 / 9.6 + 2 * 3.65)
        assert spoken_ms >= 0.98 * 20_000

    in_virtual_time(play())
