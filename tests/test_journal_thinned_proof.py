"""Of a thinned journal everything stays provable: what went is declared, what stays is what was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journal_story import FOLDER, is_scan
from link_work import GATEWAY, MINE
from minegate_agent.link.inspection import Thinned, inspect
from minegate_agent.link.journal import EVENT, SCAN
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.form import HEADER_BYTES, STUB, Stored, pack_record, said_by
from minegate_sim.disk import SimDisk
from minegate_sim.ingest.account import account
from minegate_sim.ingest.store import Arrived
from minegate_sim.ingest.thinned import check
from thinned_site import Site, reading, stored_in


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "key").write_text("07" * 32, encoding="ascii")
    return signer(tmp_path / "key")


@pytest.fixture
def site(key: Signer) -> Site:
    return Site(SimDisk(), key)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_thinned_journal_is_proved_from_its_first_record_to_the_last_anchor(site: Site, restarts: bool) -> None:
    for _ in range(6):
        site.live(1_000)
        if restarts:
            site.settle()
            site.restart()
    site.settle()
    proof = site.proof()
    assert proof.findings == ()
    assert proof.thinned > 1_000
    assert proof.anchored > site.journal.last_sequence - 400
    holes = sum(seen.last - seen.first + 1 for seen in inspect(FOLDER, site.disk) if isinstance(seen, Thinned))
    assert holes == proof.thinned


def rewritten(site: Site, path: Path, records: list[Stored]) -> None:
    """The file with these records, all checksums and holes mended."""
    header = site.disk.content(path)[:HEADER_BYTES]
    name = said_by(path.name)
    assert name is not None
    after, parts = name.first - 1, [header]
    for each in records:
        hole = each.sequence - after - 1
        parts.append(pack_record(each.sequence, each.klass, each.body, each.origin, hole))
        after = each.sequence
    file = site.disk.create(path)
    file.write_at(0, b"".join(parts))
    file.fdatasync()


def one_more_taken_out(records: list[Stored]) -> list[Stored]:
    return [*records[:5], *records[6:]]


def one_edited(records: list[Stored]) -> list[Stored]:
    at = next(index for index in range(5, len(records)) if is_scan(records[index].body))
    body = bytearray(records[at].body)
    body[20] ^= 1
    return [*records[:at], records[at]._replace(body=bytes(body)), *records[at + 1 :]]


def an_event_taken_out(records: list[Stored]) -> list[Stored]:
    at = next(index for index, each in enumerate(records) if each.klass == EVENT)
    return [*records[:at], *records[at + 1 :]]


@pytest.mark.parametrize("which", [0, 1, 4])
@pytest.mark.parametrize("edit", [one_more_taken_out, one_edited, an_event_taken_out])
def test_nothing_else_can_be_taken_out_of_a_thinned_segment_or_changed_in_it(
    site: Site, edit: Callable[[list[Stored]], list[Stored]], which: int
) -> None:
    site.live(5_000, alarm_every=11)
    site.settle()
    thinned = [path for path in site.paths() if site.level(path)]
    path = thinned[which]
    records = stored_in(site, path)
    edited = edit([each for each in records if each.klass != STUB])
    rewritten(site, path, [*edited, *(each for each in records if each.klass == STUB)])
    name = said_by(path.name)
    assert name is not None
    findings = site.proof().findings
    assert [finding.first for finding in findings] == [name.first]


def test_a_segment_that_was_edited_before_it_was_thinned_does_not_become_right_by_that(site: Site) -> None:
    site.live(1_300)
    assert not site.losses
    path = site.paths()[1]
    records = stored_in(site, path)
    rewritten(site, path, one_edited(records))
    name = said_by(path.name)
    assert name is not None
    site.live(900)
    site.settle()
    assert any(f"{name.first:020d}" in loss.file for loss in site.losses)
    findings = site.proof().findings
    assert [(finding.first, finding.what) for finding in findings] == [
        (name.first, "it had been changed before it was thinned")
    ]


def test_a_thinned_segment_behind_whose_ledger_is_gone_is_found(site: Site) -> None:
    """Somebody thins by himself: the same file form, but no event that declares it."""
    site.live(1_300)
    assert not site.losses
    other = Site(SimDisk(), site._key)
    other.live(2_500)
    other.settle()
    path = next(path for path in other.paths() if other.level(path))
    name = said_by(path.name)
    assert name is not None
    whole = FOLDER / f"{name.first:020d}.seg"
    file = site.disk.create(path)
    file.write_at(0, other.disk.content(path))
    file.fdatasync()
    site.disk.delete(whole)
    assert [finding.what for finding in site.proof().findings] == ["records were taken out that no loss event declares"]


def arrivals(site: Site, upto: int) -> list[Arrived]:
    return [Arrived(*record) for record in site.read() if record.sequence <= upto]


def test_the_receivers_account_balances_and_what_was_kept_is_proved_there(site: Site, key: Signer) -> None:
    site.live(300)
    site.commit()
    early = arrivals(site, 150)  # they arrived before they were thinned
    site.live(5_000)
    site.settle()
    records = sorted({each.sequence: each for each in [*early, *arrivals(site, 1 << 60)]}.values())
    drawn = account(records, 0, MINE, GATEWAY, key.public)
    assert drawn.balanced
    assert sum(last - first + 1 for first, last in drawn.declared) == site.journal.thinned
    checked = check(drawn.thinnings, lambda low, high: [each for each in records if low <= each.sequence <= high])
    assert checked.contradicted == ()
    assert len(checked.proved) == sum(1 for path in site.paths() if site.level(path))
    victim = next(index for index, each in enumerate(records) if each.sequence > 200 and each.klass == SCAN)
    records[victim] = records[victim]._replace(body=reading(1))
    checked = check(drawn.thinnings, lambda low, high: [each for each in records if low <= each.sequence <= high])
    assert len(checked.contradicted) == 1
    del records[victim]
    assert account(records, 0, MINE, GATEWAY, key.public).missing != ()
