"""What commit acknowledged survives a power cut at any operation of the disk, and any error of it."""

from __future__ import annotations

import errno
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal_story import FOLDER, Story
from minegate_agent.link.store.form import name_of
from minegate_sim.disk import KILL, POWER_CUT, SimDisk

ROOMY = 1_000_000
OPENING = 4  # the sync of the last segment comes after two of the cursor and one of the folder
TIGHT = 4_000  # a budget of a few segments that the script overruns several times


def script(story: Story) -> None:
    """Some minutes of a link's life: blocks of readings, commits, deliveries that fall behind, and catching up."""
    for step in range(14):
        story.survive(partial(story.produce, 3 + step % 5))
        story.survive(story.commit)
        if step % 3 == 0:
            story.survive(partial(story.deliver, 4))
    story.survive(partial(story.deliver, 60))
    story.survive(partial(story.produce, 9))
    story.survive(story.commit)


def operations_of(bytes_max: int) -> int:
    story = Story(SimDisk(), bytes_max=bytes_max)
    script(story)
    return story.disk.operations


def test_after_a_failed_sync_the_records_are_written_to_a_new_segment() -> None:
    """PostgreSQL's lesson of 2018: a second sync of that file may succeed without having written anything."""
    disk = SimDisk()
    story = Story(disk, bytes_max=ROOMY)
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
        disk.faults[operation] = POWER_CUT
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
        for later in (1 + operation % 5, 6 + operation % 4):
            disk = SimDisk(operation)
            disk.faults |= {operation: error, operation + later: POWER_CUT}
            story = Story(disk, bytes_max=ROOMY, restarts=restarts)
            script(story)
            story.finish()
            assert not story.promised_and_lost, (operation, later)


@pytest.mark.parametrize("later", [6, 9, 12])
def test_a_kill_then_an_error_while_opening_then_a_power_cut_lose_nothing_that_was_confirmed(later: int) -> None:
    for operation in range(1, operations_of(ROOMY) + 1):
        disk = SimDisk(operation)
        disk.faults |= {operation: KILL, operation + OPENING: errno.EIO, operation + later: POWER_CUT}
        story = Story(disk, bytes_max=ROOMY)
        script(story)
        story.finish()
        assert story.kills == 1
        assert not story.promised_and_lost, operation


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
