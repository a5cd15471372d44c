"""Plots as SVG text: lines, rows, the events above them. Colours are classes of report.css; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import isfinite

from minegate_sim.report.axis import LEFT, RIGHT, SECONDS_MAX, WIDTH, Axis, clock, time_axis, value_axis
from minegate_sim.report.bands import Band, Line, Rows
from minegate_sim.report.marks import Mark

PLOT_PX, TOP_PX, FOOT_PX = 112.0, 8.0, 4.0
ROW_PX, NAME_PX, BAR_PX = 28.0, 13.0, 9.0
FLAG_PX, FLAGS_MAX = 20.0, 5  # rows of flags above each other
AXIS_PX = 22.0


def band(what: Band, times: Sequence[float], lasts_s: float, marks: Sequence[Mark]) -> str:
    """Lines with their limits."""
    x = time_axis(lasts_s)
    every = (
        [value for line in what.lines for value in line.values] + [level.value for level in what.levels] + [what.reach]
    )
    y = value_axis(every, what.floor, PLOT_PX, TOP_PX, log=what.log)
    parts = [*_grid(x, y), *_spans_of(marks, x, TOP_PX, PLOT_PX)]
    said: set[tuple[str, float]] = set()
    for level in what.levels:
        if (level.what, level.value) not in said:
            said.add((level.what, level.value))
            at = y.at(level.value)
            parts.append(
                f'<line class="level {level.what}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            )
            parts.append(
                f'<text class="level {level.what}" x="{WIDTH - RIGHT - 4}" y="{at - 4:.1f}">{level.value:g}</text>'
            )
    for number, line in enumerate(what.lines, 1):
        parts += [f'<path class="line c{number}" d="{piece}"/>' for piece in _pieces(line, times, x, y)]
    return _svg(TOP_PX + PLOT_PX + FOOT_PX, parts)


def rows(what: Rows, lasts_s: float, marks: Sequence[Mark]) -> str:
    """Bars where something is on; the name stands at the beginning of its row."""
    x = time_axis(lasts_s)
    height = ROW_PX * len(what.rows)
    parts = [*_grid(x, None, height), *_spans_of(marks, x, TOP_PX, height)]
    for index, row in enumerate(what.rows):
        top = TOP_PX + index * ROW_PX + NAME_PX + 2.0
        parts.append(
            f'<rect class="off" x="{LEFT}" y="{top + BAR_PX / 2 - 0.5:.1f}" width="{x.end - x.begin}" height="1"/>'
        )
        for begin, end in row.spans:
            width = max(1.0, x.at(end) - x.at(begin))
            parts.append(
                f'<rect class="on {what.tone}" x="{x.at(begin):.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{BAR_PX}" rx="3"><title>{escape(row.name)}: {begin:.3f} - {end:.3f} s</title></rect>'
            )
        parts.append(f'<text class="row" x="{LEFT + 6}" y="{top - 4:.1f}">{escape(row.name)}</text>')
    return _svg(TOP_PX + height + FOOT_PX, parts)


def events(marks: Sequence[Mark], lasts_s: float) -> str:
    """Numbered flags and the time axis, above all plots."""
    x = time_axis(lasts_s)
    free: list[float] = []
    flags = []
    for number, mark in enumerate(marks, 1):
        at = x.at(mark.s)
        row = next((index for index, end in enumerate(free) if end < at), len(free))
        row = min(row, FLAGS_MAX - 1)
        free[row:] = [at + FLAG_PX + 2.0, *free[row + 1 :]]
        flags.append((number, mark, at, row))
    height = FLAG_PX * max(1, len(free)) + 4.0
    parts = []
    for number, mark, at, row in flags:
        top = 2.0 + row * FLAG_PX
        shape = f'<rect x="{at - 9:.1f}" y="{top:.1f}" width="18" height="16" rx="{3 if mark.own else 8}"/>'
        parts.append(
            f'<line class="stem {mark.tone}" x1="{at:.1f}" x2="{at:.1f}" y1="{top + 16:.1f}" y2="{height:.1f}"/>'
        )
        parts.append(
            f'<g class="flag {mark.tone}"><title>{mark.s:.3f} s  {escape(f"{mark.zh} {mark.en}".strip())}</title>'
            f'{shape}<text x="{at:.1f}" y="{top + 12:.1f}">{number}</text></g>'
        )
    parts += _time(x, height)
    return _svg(height + AXIS_PX, parts)


def axis(lasts_s: float) -> str:
    """The time axis alone, for the foot."""
    return _svg(AXIS_PX, _time(time_axis(lasts_s), 0.0))


def _time(x: Axis, top: float) -> list[str]:
    found = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top:.1f}" y2="{top:.1f}"/>']
    for tick in _time_ticks(x):
        found.append(
            f'<line class="axis" x1="{x.at(tick):.1f}" x2="{x.at(tick):.1f}" y1="{top:.1f}" y2="{top + 4:.1f}"/>'
        )
        found.append(f'<text class="time" x="{x.at(tick):.1f}" y="{top + 17:.1f}">{clock(tick, x.high)}</text>')
    return (
        [*found, f'<text class="unit" x="{LEFT - 8}" y="{top + 17:.1f}">s</text>'] if x.high <= SECONDS_MAX else found
    )


def _time_ticks(x: Axis) -> list[float]:
    """Some twelve, at seconds, minutes or hours that a person would choose."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
    step = next((step for step in steps if x.high / step <= 14), steps[-1])
    return [float(tick) for tick in range(0, int(x.high) + 1, step)]


def _grid(x: Axis, y: Axis | None, height: float = PLOT_PX) -> Iterator[str]:
    yield f'<rect class="field" x="{LEFT}" y="{TOP_PX}" width="{x.end - x.begin}" height="{height}"/>'
    for tick in _time_ticks(x):
        yield f'<line class="grid" x1="{x.at(tick):.1f}" x2="{x.at(tick):.1f}" y1="{TOP_PX}" y2="{TOP_PX + height}"/>'
    for tick in y.ticks() if y is not None else ():
        at = y.at(tick) if y is not None else 0.0
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}">{tick:g}</text>'


def _spans_of(marks: Iterable[Mark], x: Axis, top: float, height: float) -> Iterator[str]:
    """What lasts as a shade, what is a moment as a thin line."""
    for mark in marks:
        at = x.at(mark.s)
        if mark.lasts_s:
            width = x.at(mark.s + mark.lasts_s) - at
            yield f'<rect class="span" x="{at:.1f}" y="{top}" width="{width:.1f}" height="{height}"/>'
        yield f'<line class="moment {mark.tone}" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + height}"/>'


def _pieces(line: Line, times: Sequence[float], x: Axis, y: Axis) -> Iterator[str]:
    """One path for each run of values without a gap."""
    path: list[str] = []
    for s, value in zip(times, line.values, strict=True):
        if not isfinite(value):
            if path:
                yield "".join(path)
            path = []
            continue
        at_x, at_y = f"{x.at(s):.1f}", f"{y.at(value):.1f}"
        if not path:
            path = [f"M{at_x},{at_y}"]
        elif line.steps:
            path.append(f"H{at_x}V{at_y}")
        else:
            path.append(f"L{at_x},{at_y}")
    if path:
        yield "".join([*path, "h0.1"])  # a single value is a dot


def _svg(height: float, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img">{"".join(parts)}</svg>'
