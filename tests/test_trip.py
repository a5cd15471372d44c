"""From over-limit, and from every loss, to the open contact: never longer than `minegate check` has computed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from minegate_agent.check import check
from minegate_agent.worst_case import Loss
from minegate_tools.bench import trip_site
from minegate_tools.bench.quantiles import spread
from minegate_tools.bench.trip import contact_rows, reaction_rows
from minegate_tools.bench.trip_cases import DEAD, Shape
from minegate_tools.bench.trip_faults import loss_row, losses
from minegate_tools.bench.trip_losses_virtual import losses_in_virtual_time
from minegate_tools.bench.trip_run import Cut, gateway
from minegate_tools.bench.trip_virtual import cuts_in_virtual_time

SEED = 7


def computed_ms(folder: Path, shape: Shape, case: str) -> float:
    """The longest sum of that name for the bench's site, which `check` must admit."""
    trip_site.write(folder, shape, 1883, 0)
    report = check(folder)
    assert report.problems == ()
    return max(each.worst.total_ms for time in report.limits for each in time.cases if each.name == case)


def test_no_simulated_cut_takes_longer_than_computed(tmp_path: Path) -> None:
    shape = Shape(lines=2, dead=DEAD)
    took_ms, _, _ = cuts_in_virtual_time(shape, SEED, 20)
    assert len(took_ms) == 20
    assert min(took_ms) > 0
    assert max(took_ms) <= computed_ms(tmp_path, shape, "2 dead") <= 2000


@pytest.mark.parametrize("loss", Loss)
def test_no_simulated_loss_keeps_the_contact_closed_for_longer_than_computed(loss: Loss) -> None:
    took_ms, allowed_ms, _, _ = losses_in_virtual_time(loss, SEED, 8)
    assert len(took_ms) == 8
    assert max(took_ms) <= allowed_ms <= 2000
    assert min(took_ms) >= 0


@pytest.mark.long
@pytest.mark.parametrize("loss", Loss)
def test_a_thousand_simulated_losses_have_no_exception(loss: Loss) -> None:
    took_ms, allowed_ms, _, _ = losses_in_virtual_time(loss, SEED + 1, 1000)
    assert max(took_ms) <= allowed_ms


@pytest.mark.long
async def test_every_loss_on_real_processes_fifty_times(tmp_path: Path) -> None:
    rows = [row async for row in losses(tmp_path, Shape(lines=4, heads=4), SEED, 50)]
    assert len(rows) == len(Loss)
    assert [row for row in rows if not row.kept] == []


@pytest.mark.long
async def test_real_cuts_with_two_dead_heads_keep_two_seconds(tmp_path: Path) -> None:
    shape = Shape(dead=DEAD)
    async with gateway(tmp_path, shape, SEED) as running:
        cuts = await running.cuts(60, 200)
    assert max(cut.contact_ms for cut in cuts) <= computed_ms(tmp_path, shape, "2 dead")


def test_what_was_not_seen_counts_as_the_worst() -> None:
    found = spread([3.0, math.nan, 1.0, 2.0])
    assert (found.number, found.p50, found.worst) == (4, 2.0, math.inf)
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@pytest.mark.parametrize(
    ("cuts", "kept"),
    [
        ([Cut(0, 100, 101, 150)] * 10, [True, True, True, True]),
        ([Cut(0, 100, 101, 150)] * 9 + [Cut(0, 100, 110, 1200)], [False, True, False, True]),
        ([Cut(0, 100, 101, 150)] * 9 + [Cut(0, 100, math.nan, 2000)], [False, False, False, False]),
    ],
)
def test_a_promise_that_is_not_kept_is_said(cuts: list[Cut], kept: list[bool]) -> None:
    script = [Cut(0, 100, 100.5, 160)]
    rows = [*contact_rows(cuts, script), *reaction_rows(cuts, script)]
    assert [row.kept for row in rows if row.kept is not None] == kept


def test_a_loss_is_kept_only_if_no_contact_was_late() -> None:
    assert loss_row("field killed", [40.0, 700.0], 700.0).kept is True
    assert loss_row("field killed", [40.0, 700.1], 700.0).kept is False
