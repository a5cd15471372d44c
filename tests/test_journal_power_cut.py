"""What commit acknowledged survives a power cut at any operation of the disk, and any error of it."""

from __future__ import annotations

import errno
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal_story import Story
from sim_disk import SimDisk

ROOMY = 1_000_000
TIGHT = 4_000  # a budget of a few segments that the script overruns several times


def script(story: Story) -> None:
    """Some minutes of a link's life: blocks of readings, commits, deliveries that fall behind, and catching up."""
    for step in range(14):
        story.survive(lambda step=step: story.produce(3 + step % 5))
        story.survive(story.commit)
        if step % 3 == 0:
            story.survive(lambda: story.deliver(4))
    story.survive(lambda: story.deliver(60))
    story.survive(lambda: story.produce(9))
    story.survive(story.commit)


def operations_of(bytes_max: int) -> int:
    story = Story(SimDisk(), bytes_max=bytes_max)
    script(story)
    return story.disk.operations


def test_the_script_rotates_segments_and_overruns_the_tight_budget() -> None:
    roomy, tight = (Story(SimDisk(), bytes_max=bytes_max) for bytes_max in (ROOMY, TIGHT))
    for story in (roomy, tight):
        script(story)
        story.finish()
    assert roomy.disk.log.count("replace") >= 8
    assert not roomy.lost
    assert tight.disk.log.count("delete") >= 3
    assert tight.lost
    assert tight.journal.bytes_used <= TIGHT


@pytest.mark.parametrize("bytes_max", [ROOMY, TIGHT])
@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged(seed: int, bytes_max: int) -> None:
    for operation in range(1, operations_of(bytes_max) + 1):
        disk = SimDisk(seed * 1000 + operation)
        disk.faults[operation] = 0
        story = Story(disk, bytes_max=bytes_max)
        script(story)
        story.finish()
        assert story.cuts == 1
        assert bytes_max == TIGHT or not story.promised_and_lost, operation


@pytest.mark.parametrize("bytes_max", [ROOMY, TIGHT])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_an_error_at_any_operation_loses_nothing_and_is_recovered_from(error: int, bytes_max: int) -> None:
    for operation in range(1, operations_of(bytes_max) + 1):
        disk = SimDisk(operation)
        disk.faults[operation] = error
        story = Story(disk, bytes_max=bytes_max)
        script(story)
        story.finish()
        assert bytes_max == TIGHT or not story.lost, operation


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_power_cut_soon_after_an_error_loses_nothing_that_was_acknowledged(error: int, restarts: bool) -> None:
    """With `restarts` the process ends at every error, as a supervised one may."""
    for operation in range(1, operations_of(ROOMY) + 1):
        for later in (1, 2, 3, 5, 7, 9):
            disk = SimDisk(operation)
            disk.faults |= {operation: error, operation + later: 0}
            story = Story(disk, bytes_max=ROOMY, restarts=restarts)
            script(story)
            story.finish()
            assert not story.promised_and_lost, (operation, later)


FAULT = st.sampled_from([0, 0, errno.EIO, errno.ENOSPC])
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
    bytes_max=st.sampled_from([ROOMY, TIGHT]),
)
def test_the_account_balances_through_any_series_of_faults(
    seed: int, acts: list[tuple[str, int]], faults: list[tuple[int, int]], bytes_max: int
) -> None:
    """Faults come one after the other, each a number of operations behind the one before, also while recovering."""
    disk = SimDisk(seed)
    story_faults = iter(faults)

    def arm(story: Story) -> None:
        pending = any(operation > story.disk.operations for operation in story.disk.faults)
        if not pending and (fault := next(story_faults, None)) is not None:
            story.disk.faults[story.disk.operations + fault[0]] = fault[1]

    story = Story(disk, bytes_max=bytes_max)
    for name, count in acts:
        arm(story)
        act = getattr(story, name)
        story.survive(partial(act, count) if count else act)
    story.finish()
    assert bytes_max == TIGHT or not story.promised_and_lost
