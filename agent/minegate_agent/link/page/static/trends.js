// Ten minutes of every methane point, with its limits where they are known.

import { byId, el, keep, mark, write } from "/static/dom.js";
import { measured, number } from "/static/format.js";
import { verdict } from "/static/points.js";
import { state, utcNow } from "/static/store.js";
import { either, t } from "/static/texts.js";

const WINDOW_S = 600;
const HEIGHT_PX = 120;
const HOLE_S = 5; // a longer pause is shown as one, not bridged

export function showTrends(now) {
  const rows = state.document.points.filter((point) => point.quantity === "methane");
  byId("trend-section").hidden = rows.length === 0;
  keep(byId("trends"), rows, (row) => row.number, make, (node, row) => change(node, row, now));
}

// Colours are read when a chart is made, so a change of the scheme makes it new.
export function forgetCharts() {
  for (const node of byId("trends").children) dropChart(node);
}

function dropChart(node) {
  node.chart?.destroy();
  node.chart = null;
}

function make() {
  const node = el("article", "card trend");
  node.name = el("h3");
  node.place = el("p", "muted small");
  node.value = el("b", "value");
  node.quality = el("span", "mark");
  node.plot = el("div", "plot");
  node.plot.setAttribute("role", "img");
  node.append(node.name, node.place, el("p", "trend-now", node.value, node.quality), node.plot);
  new ResizeObserver(() => node.chart?.setSize({ width: node.plot.clientWidth, height: HEIGHT_PX })).observe(node.plot);
  return node;
}

function change(node, row, now) {
  write(node.name, row.name);
  write(node.place, either(row.place_zh, row.place_en));
  write(node.value, measured(row.value, row));
  const [tone, symbol, word] = verdict(row, now);
  node.value.dataset.tone = tone;
  mark(node.quality, tone, symbol, word);
  node.plot.setAttribute("aria-label", t("trend.label", { name: row.name, value: measured(row.value, row) }));
  const line = state.trends.get(row.name) ?? { t: [], v: [] };
  const newest = `${line.t.length} ${line.t.at(-1)} ${document.documentElement.lang}`;
  const second = Math.floor(utcNow(now) / 1000);
  node.row = row;
  node.second = second;
  if (!node.chart) node.chart = chart(node);
  else if (node.newest === newest && node.drawn === second) return;
  node.newest = newest;
  node.drawn = second;
  node.chart.setData(withHoles(line), true);
}

function withHoles({ t: times, v: values }) {
  const seconds = [];
  const heights = [];
  times.forEach((ms, index) => {
    const at = ms / 1000;
    if (index && at - seconds.at(-1) > HOLE_S) {
      seconds.push(seconds.at(-1) + HOLE_S);
      heights.push(null);
    }
    seconds.push(at);
    heights.push(values[index]);
  });
  return [seconds, heights];
}

function chart(node) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return new uPlot(
    {
      width: node.plot.clientWidth || 280,
      height: HEIGHT_PX,
      padding: [8, 18, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { range: () => [node.second - WINDOW_S, node.second] },
        y: { range: (_, low, high) => heights(node.row, low, high) },
      },
      axes: [
        { ...axis, size: 22, space: 70, values: (_, at) => at.map((s) => new Date(s * 1000).toTimeString().slice(0, 5)) },
        { ...axis, size: 38, space: 28, values: (_, at) => at.map((value) => number(value, at.at(-1) < 0.1 ? 2 : 1)) },
      ],
      series: [{}, { stroke: colour("accent"), width: 2, fill: colour("accent-soft"), points: { show: false } }],
      hooks: { draw: [(plot) => drawLimits(plot, node.row, colour)] },
    },
    [[], []],
    node.plot,
  );
}

function heights(row, low, high) {
  const limits = [row.alarm, row.cut].filter((limit) => limit !== null);
  const top = Math.max(high ?? 0, ...limits, 0.1);
  return [Math.min(0, low ?? 0), top * 1.2];
}

function drawLimits(plot, row, colour) {
  const same = row.alarm !== null && row.alarm === row.cut;
  if (row.alarm !== null && !same) drawLimit(plot, row.alarm, colour("warn"), t("trend.alarm", { limit: number(row.alarm, row.decimals) }));
  if (row.cut !== null) drawLimit(plot, row.cut, colour("bad"), t("trend.cut", { limit: number(row.cut, row.decimals) }));
}

function drawLimit({ ctx, bbox, ...plot }, limit, colour, label) {
  const y = plot.valToPos(limit, "y", true);
  const scale = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = scale;
  ctx.setLineDash([5 * scale, 4 * scale]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(label, bbox.left + 6 * scale, y - 2 * scale);
  ctx.restore();
}
