"""The page: verdict on top, every plot on one time axis, the events by number. One file, nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from math import isfinite

from minegate_sim.expect import NEVER
from minegate_sim.report import draw, texts
from minegate_sim.report.axis import WIDTH, clock, time_axis
from minegate_sim.report.bands import Band, Rows, Title, bands, contacts, delivery, power, processes
from minegate_sim.report.history import History
from minegate_sim.report.marks import Mark, marks
from minegate_sim.run import Outcome

DIGITS = 4  # of a value under the pointer


def page(outcome: Outcome, history: History) -> str:
    """The whole file."""
    scenario, lasts_s = outcome.scenario, max(outcome.virtual_s, 1e-3)
    told = marks(scenario, outcome.seen, history)
    plots = _plots(outcome, history, told, lasts_s)
    title = scenario.title or scenario.place
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)} - minegate sim</title>
<style>{_file("report.css")}</style>
<body>
{_head(outcome, title)}
<main>
{_verdict(outcome)}
<section class="card plots" id="plots"><h2>{_both(texts.TIMELINE)}</h2>
<p class="muted small">{_both(texts.LEGEND)}</p>
{plots}
</section>
{_events(told, lasts_s)}
<p class="muted small">{_both(texts.FOOT)}</p>
</main>
<script type="application/json" id="data">{_data(outcome, history)}</script>
<script>{_file("report.js")}</script>
</body>
</html>
"""


def _head(outcome: Outcome, title: str) -> str:
    scenario, kept = outcome.scenario, outcome.kept
    word = texts.KEPT if kept else texts.BROKEN
    facts = (
        (texts.PLACE, scenario.place),
        (texts.SEED, str(scenario.seed)),
        (texts.SPAN, f"{outcome.virtual_s:g} s"),
        (texts.SPEED, f"{scenario.speed:g} x"),
        (texts.DIGEST, outcome.record.digest()[:16]),
    )
    listed = "".join(f"<div><dt>{_both(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return (
        f'<header class="{"kept" if kept else "broken"}"><div class="word">{_mark(kept)}<b>{_both(word)}</b></div>'
        f"<div><h1>{escape(title)}</h1><dl>{listed}</dl></div></header>"
    )


def _verdict(outcome: Outcome) -> str:
    rows = []
    for expect, each in zip(outcome.scenario.expect, outcome.judged, strict=True):
        met = f"{each.met_s:.3f}" if each.met_s < NEVER else ""
        rows.append(_row(each.kept, each.words, f"{expect.after_s:g}", met, each.why))
    rows += [_row(False, f"{texts.PROMISE[1]}", "", f"{ms / 1000.0:.3f}", text) for ms, text in outcome.breaches]
    head = "".join(f"<th>{_both(text)}</th>" for text in (texts.EXPECTED, texts.FROM, texts.MET, texts.SEEN))
    return (
        f'<section class="card verdict"><h2>{_both(texts.VERDICT)}</h2><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _row(kept: bool, words: str, after: str, met: str, why: str) -> str:
    cells = (
        f'<td>{escape(words)}</td><td class="number">{after}</td><td class="number">{met}</td><td>{escape(why)}</td>'
    )
    return f'<tr class="{"kept" if kept else "broken"}"><td>{_mark(kept)}</td>{cells}</tr>'


def _plots(outcome: Outcome, history: History, told: Sequence[Mark], lasts_s: float) -> str:
    seen = outcome.seen
    ordered: list[Band | Rows] = [
        *bands(history), power(seen, lasts_s), contacts(seen, lasts_s), processes(history, lasts_s), *delivery(history),
    ]  # fmt: skip
    parts = [f'<div class="plot sticky">{draw.events(told, lasts_s)}</div>']
    for each in ordered:
        if isinstance(each, Band):
            parts.append(_plot(each.title, each.unit, _legend(each), draw.band(each, history.times, lasts_s, told)))
        elif each.rows:
            parts.append(_plot(each.title, "", "", draw.rows(each, lasts_s, told)))
    parts.append(f'<div class="plot">{draw.axis(lasts_s)}</div>')
    return "\n".join(parts)


def _plot(title: Title, unit: str, legend: str, svg: str) -> str:
    unit = f' <span class="muted">{escape(unit)}</span>' if unit else ""
    return f'<div class="plot"><h3>{_both(title)}{unit}</h3><p class="legend">{legend}</p>{svg}</div>'


def _legend(band: Band) -> str:
    return "".join(
        f'<span class="c{number}" data-line="{escape(line.name)}"><i></i>{escape(line.name)} <b></b></span>'
        for number, line in enumerate(band.lines, 1)
    )


def _events(told: Iterable[Mark], lasts_s: float) -> str:
    items = []
    for number, mark in enumerate(told, 1):
        who = texts.OWN if mark.own else texts.SAID
        lasts = f" ({mark.lasts_s:g} s)" if mark.lasts_s else ""
        words = f"{escape(mark.zh)} {escape(mark.en)}{lasts}".strip()
        items.append(
            f'<li class="{mark.tone}"><b>{number}</b><time>{clock(round(mark.s, 2), lasts_s)}</time>'
            f'<span>{words}</span><em class="muted">{_both(who)}</em></li>'
        )
    return f'<section class="card events"><h2>{_both(texts.EVENTS)}</h2><ol>{"".join(items)}</ol></section>'


def _data(outcome: Outcome, history: History) -> str:
    """What the pointer reads: the shared times, and the values of each line by its name."""
    x = time_axis(max(outcome.virtual_s, 1e-3))
    lines = {line.name: line.values for band in [*bands(history), *delivery(history)] for line in band.lines}
    told = {
        "left": x.begin, "right": x.end, "width": WIDTH, "high": x.high,
        "times": [round(s, 3) for s in history.times],
        "lines": {
            name: [float(f"{value:.{DIGITS}g}") if isfinite(value) else None for value in values]
            for name, values in lines.items()
        },
    }  # fmt: skip
    return json.dumps(told, separators=(",", ":")).replace("<", "\\u003c")


def _both(text: tuple[str, str]) -> str:
    return f'<span lang="zh">{escape(text[0])}</span> {escape(text[1])}'


def _mark(kept: bool) -> str:
    path = "M5 13l4 4L19 7" if kept else "M6 6l12 12M18 6L6 18"
    return f'<svg class="icon" viewBox="0 0 24 24" aria-label="{"kept" if kept else "broken"}"><path d="{path}"/></svg>'


def _file(name: str) -> str:
    return (files("minegate_sim.report") / name).read_text(encoding="utf-8")
