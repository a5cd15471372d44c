"""A journal as rows of values: CSV, or Parquet with pyarrow. Births on disk say what the records mean."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from minegate_agent.link.births import Births
from minegate_agent.link.clock_base import ClockBases
from minegate_agent.link.delivered import DeliveredScan
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import inspect
from minegate_agent.link.records import EVENT, SCAN, BadBody, decode_event, decode_scan
from minegate_agent.link.store.reader import Record
from minegate_tools.spelled import Birth, quality_text

COLUMNS = ("sequence", "utc_ms", "clock", "device", "field", "value", "unit", "quality", "event")
PART_SUFFIX = ".part"
ROWS_MAX = 20_000  # in one group of a Parquet file, and in memory


class Formats(Enum):
    """By the end of the file's name."""

    CSV = ".csv"
    PARQUET = ".parquet"

    @classmethod
    def of(cls, path: Path) -> Formats:
        """ValueError if the name ends in neither."""
        try:
            return cls(path.suffix)
        except ValueError:
            raise ValueError(f"{path}: the name must end in .csv or .parquet") from None


class _Sink(AbstractContextManager["_Sink"], Protocol):
    def write(self, rows: list[tuple[Any, ...]]) -> None: ...


def export(folder: Path, to: Path, form: Formats, first: int, last: int, on_record: Callable[[int], None]) -> int:
    """Write everything between the sequences; the number of rows. The file appears when it is whole. Raises OSError,
    ModuleNotFoundError.
    """
    part = to.with_name(to.name + PART_SUFFIX)
    try:
        count = _export(folder, part, form, first, last, on_record)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return count


def _export(folder: Path, to: Path, form: Formats, first: int, last: int, on_record: Callable[[int], None]) -> int:
    births = Births.open(folder / "births", OS_DISK)
    bases = ClockBases.open(folder / "clock.json", OS_DISK)
    count = 0
    rows: list[tuple[Any, ...]] = []
    with _Csv(to) if form is Formats.CSV else _Parquet(to) as sink:
        for seen in inspect(folder, first=first, last=last):
            if not isinstance(seen, Record):
                continue
            on_record(len(seen.body))
            if not first <= seen.sequence <= last:
                continue
            rows += _rows(seen, births, bases)
            if len(rows) >= ROWS_MAX:
                sink.write(rows)
                count += len(rows)
                rows = []
        sink.write(rows)
    return count + len(rows)


def _rows(record: Record, births: Births, bases: ClockBases) -> Iterator[tuple[Any, ...]]:
    try:
        if record.klass == SCAN:
            scan = decode_scan(record.body)
            birth = _known(births, record.sequence)
            delivered = DeliveredScan(
                record.sequence, scan.boot, scan.number, scan.device, scan.part, scan.quality, scan.utc_ms, scan.clock,
                scan.record, scan.mono_ms,
            )  # fmt: skip
            flags = quality_text(scan.quality)
            utc_ms = bases.utc_ms(record.sequence, scan.mono_ms, scan.utc_ms, scan.clock)
            for field, value in birth.readings(delivered):
                yield (
                    record.sequence, utc_ms, scan.clock, birth.names[scan.device], field.name, value, field.unit,
                    flags, "",
                )  # fmt: skip
        elif record.klass == EVENT:
            event = decode_event(record.body)
            told = json.dumps(event, ensure_ascii=False, default=bytes.hex)
            yield (record.sequence, event["utc_ms"], 0, "", str(event["kind"]), None, "", "", told)
    except (BadBody, ValueError, KeyError) as error:
        yield (record.sequence, 0, 0, "", "unreadable", None, "", "", f"{type(error).__name__}: {error}")


_read: dict[str, Birth] = {}


def _known(births: Births, sequence: int) -> Birth:
    birth, _ = births.at(sequence)
    if birth.id not in _read:
        _read[birth.id] = Birth(birth.payload)
    return _read[birth.id]


class _Csv:
    """utf-8-sig: the spreadsheet of a mine's office shows Chinese only with the mark."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def __enter__(self) -> Self:
        return self

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        self._writer.writerows(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{path}: Parquet needs the package pyarrow (pip install 'minegate[parquet]')"
            ) from error
        self._arrow = pyarrow
        kinds = (pyarrow.int64(), pyarrow.int64(), pyarrow.int8(), *[pyarrow.string()] * 2, pyarrow.float64())
        self._schema = pyarrow.schema(list(zip(COLUMNS, (*kinds, *[pyarrow.string()] * 3), strict=True)))
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
        arrays = [self._arrow.array(each, kind.type) for each, kind in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
