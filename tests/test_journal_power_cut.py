"""What commit acknowledged survives a power cut at any operation of the disk, and any error of it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal_story import FOLDER, Story
from minegate_agent.link.proof import prove
from minegate_agent.link.store.form import name_of, said_by
from minegate_agent.link.store.thinning import NO_READINGS
from minegate_sim.disk import KILL, POWER_CUT, PowerCut, SimDisk

OPENING = 4  # the sync of the last segment comes after two of the cursor and one of the folder


class Budget(NamedTuple):
    """How much there is, and how much comes."""

    bytes_max: int
    segment_bytes: int
    each: int
    steps: int

    def story(self, disk: SimDisk, *, restarts: bool = False) -> Story:
        return Story(disk, bytes_max=self.bytes_max, segment_bytes=self.segment_bytes, restarts=restarts)


ROOMY = Budget(1_000_000, 600, 3, 14)
TIGHT = Budget(36_000, 9_000, 120, 5)  # the script overruns it several times: readings are thinned, up to the last


def script(story: Story, budget: Budget, *, through_cuts: bool = True) -> None:
    """Some minutes of a link's life: blocks of readings, commits, deliveries that fall behind, and catching up."""
    live = story.survive if through_cuts else _do
    for step in range(budget.steps):
        live(partial(story.produce, budget.each + step % 5))
        live(story.commit)
        if step % 3 == 0:
            live(partial(story.deliver, 4))
    live(partial(story.deliver, 60))
    live(partial(story.produce, 9))
    live(story.commit)


def _do(act: Callable[[], object]) -> None:
    act()


@cache
def operations_of(budget: Budget) -> int:
    story = budget.story(SimDisk())
    script(story, budget)
    return story.disk.operations


def lived_through(budget: Budget, seed: int, faults: dict[int, int], *, restarts: bool = False) -> Story:
    """The script with these faults, until everything is delivered and the account is drawn up."""
    disk = SimDisk(seed)
    disk.faults |= faults
    story = budget.story(disk, restarts=restarts)
    script(story, budget)
    story.finish()
    return story


def test_after_a_failed_sync_the_records_are_written_to_a_new_segment() -> None:
    """PostgreSQL's lesson of 2018: a second sync of that file may succeed without having written anything."""
    disk = SimDisk()
    story = ROOMY.story(disk)
    story.produce(3)
    story.commit()
    disk.faults[disk.operations + 2] = errno.EIO
    story.produce(2)
    story.survive(story.commit)
    assert (story.errors, story.journal.last_sequence, story.journal.pending) == (1, 3, 2)
    story.produce(1)
    story.commit()
    assert [entry.name for entry in sorted(disk.list(FOLDER))] == [name_of(1), name_of(4)]
    assert [record.sequence for record in story.journal.read(0, 10, 10_000)] == [1, 2, 3, 4, 5, 6]
    story.finish()


def test_the_script_rotates_segments_and_overruns_the_tight_budget() -> None:
    roomy, tight = (budget.story(SimDisk()) for budget in (ROOMY, TIGHT))
    for story, budget in ((roomy, ROOMY), (tight, TIGHT)):
        script(story, budget)
    levels = {name.level for entry in tight.disk.list(FOLDER) if (name := said_by(entry.name)) is not None}
    assert levels >= {0, 1, 2, NO_READINGS}
    for story in (roomy, tight):
        story.finish()
    assert roomy.disk.log.count("replace") >= 8
    assert not roomy.lost
    assert tight.journal.thinned > 100
    assert tight.lost
    assert tight.journal.bytes_used <= TIGHT.bytes_max


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged(seed: int) -> None:
    for operation in range(1, operations_of(ROOMY) + 1):
        story = lived_through(ROOMY, seed * 1000 + operation, {operation: POWER_CUT})
        assert story.cuts == 1
        assert not story.promised_and_lost, operation


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
def test_a_power_cut_at_any_operation_while_readings_are_thinned_leaves_an_account_that_balances(seed: int) -> None:
    """Every event came, what never came is declared, and nothing came that was not produced."""
    for operation in range(1, operations_of(TIGHT) + 1):
        assert lived_through(TIGHT, seed * 1000 + operation, {operation: POWER_CUT}).cuts == 1


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_an_error_at_any_operation_loses_nothing_and_is_recovered_from(error: int) -> None:
    for operation in range(1, operations_of(ROOMY) + 1):
        assert not lived_through(ROOMY, operation, {operation: error}).lost, operation


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_an_error_while_readings_are_thinned_is_recovered_from(error: int, every: int) -> None:
    for operation in range(1 + error % every, operations_of(TIGHT) + 1, every):
        story = lived_through(TIGHT, operation, {operation: error})
        assert prove(FOLDER, "mine", "gateway", None, story.disk).findings == (), operation


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_power_cut_soon_after_an_error_loses_nothing_that_was_acknowledged(error: int, restarts: bool) -> None:
    """With `restarts` the process ends at every error, as a supervised one may."""
    for operation in range(1, operations_of(ROOMY) + 1):
        for later in (1 + operation % 5, 6 + operation % 4):
            faults = {operation: error, operation + later: POWER_CUT}
            story = lived_through(ROOMY, operation, faults, restarts=restarts)
            assert not story.promised_and_lost, (operation, later)


@pytest.mark.long
@pytest.mark.parametrize("restarts", [False, True])
def test_a_power_cut_soon_after_an_error_while_readings_are_thinned(restarts: bool) -> None:
    for operation in range(1, operations_of(TIGHT) + 1):
        faults = {operation: errno.EIO, operation + 1 + operation % 7: POWER_CUT}
        lived_through(TIGHT, operation, faults, restarts=restarts)


@pytest.mark.parametrize("later", [6, 9, 12])
def test_a_kill_then_an_error_while_opening_then_a_power_cut_lose_nothing_that_was_confirmed(later: int) -> None:
    for operation in range(1, operations_of(ROOMY) + 1):
        faults = {operation: KILL, operation + OPENING: errno.EIO, operation + later: POWER_CUT}
        story = lived_through(ROOMY, operation, faults)
        assert story.kills == 1
        assert not story.promised_and_lost, operation


SHORT = Budget(1_000_000, 600, 3, 5)


def ends_of(budget: Budget, stride: int) -> int:
    """Cut the power at each operation of the script, and let it end in every way; how many ways there were."""
    ends = 0
    opening = budget.story(SimDisk()).disk.operations
    for operation in range(opening + 1, operations_of(budget) + 1):
        disk = SimDisk()
        disk.faults[operation] = POWER_CUT
        story = budget.story(disk)
        with contextlib.suppress(PowerCut):
            script(story, budget, through_cuts=False)
        assert disk.dead
        for found in disk.every_power_cut(stride):
            other = story.found_on(found)
            other.finish()
            assert budget == TIGHT or not other.promised_and_lost, operation
            ends += 1
    return ends


@pytest.mark.parametrize(
    ("budget", "stride", "ends_min"),
    [
        pytest.param(SHORT, 3, 2_500, id="short"),
        pytest.param(SHORT, 1, 8_000, marks=pytest.mark.long, id="short-every-byte"),
        pytest.param(TIGHT, 101, 2_000, marks=pytest.mark.long, id="thinned"),
    ],
)
def test_every_torn_write_of_every_operation_loses_nothing_that_was_acknowledged(
    budget: Budget, stride: int, ends_min: int
) -> None:
    """Every prefix, every sector zeroed or stale, and every number of renames that were under way."""
    assert ends_of(budget, stride) >= ends_min


FAULT = st.sampled_from([POWER_CUT, KILL, errno.EIO, errno.ENOSPC])
ACT = st.one_of(
    st.tuples(st.just("produce"), st.integers(1, 20)),
    st.tuples(st.just("commit"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("deliver"), st.integers(1, 40)),
)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**16),
    acts=st.lists(ACT, max_size=40),
    faults=st.lists(st.tuples(st.integers(1, 25), FAULT), max_size=6),
    budget=st.sampled_from([ROOMY, TIGHT]),
)
def test_the_account_balances_through_any_series_of_faults(
    seed: int, acts: list[tuple[str, int]], faults: list[tuple[int, int]], budget: Budget
) -> None:
    """Faults come one after the other, each a number of operations behind the one before, also while recovering."""
    disk = SimDisk(seed)
    story_faults = iter(faults)

    def arm(story: Story) -> None:
        pending = any(operation > story.disk.operations for operation in story.disk.faults)
        if not pending and (fault := next(story_faults, None)) is not None:
            story.disk.faults[story.disk.operations + fault[0]] = fault[1]

    story = budget.story(disk)
    for name, count in acts:
        arm(story)
        act = getattr(story, name)
        count *= budget.each // 3 if name == "produce" else 1
        story.survive(partial(act, count) if count else act)
    story.finish()
    assert budget == TIGHT or not story.promised_and_lost
