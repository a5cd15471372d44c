// How long cuts took, as measured: one row per output and deciding point.

import { byId, el, keep, write } from "/static/dom.js";
import { count } from "/static/format.js";
import { state } from "/static/store.js";
import { t } from "/static/texts.js";
import { pointName } from "/static/words.js";

const TIMES = ["p50_ms", "p99_ms", "worst_ms"];

export function showReactions() {
  const rows = state.document.reactions ?? [];
  byId("reactions-card").hidden = rows.length === 0;
  keep(byId("reactions").tBodies[0], rows, (row) => `${row.output}/${row.point}`, make, change);
}

function make() {
  const node = el("tr");
  node.path = el("th");
  node.path.scope = "row";
  node.cuts = el("td", "number");
  node.times = TIMES.map(() => el("td", "number"));
  node.append(node.path, node.cuts, ...node.times);
  return node;
}

function change(node, row) {
  write(node.path, `${decided(row.point)} → ${row.output}`);
  write(node.cuts, count(row.cuts));
  node.times.forEach((cell, at) => write(cell, t("reaction.ms", { ms: count(row[TIMES[at]]) })));
}

function decided(point) {
  if (!point) return t("reaction.other");
  const known = state.document.points.find((each) => each.name === point);
  return known ? pointName(known) : point;
}
