// What happened, newest first, in words.

import { byId, el, icon, keep, setIcon, write } from "/static/dom.js";
import { moment } from "/static/format.js";
import { state, utcNow } from "/static/store.js";
import { tone, words } from "/static/words.js";

export function showEvents(now) {
  const events = state.document.events;
  byId("events-none").hidden = events.length > 0;
  keep(byId("events"), events, (event) => event.journal_sequence, make, (node, event) => change(node, event, now));
}

function make() {
  const row = el("li");
  row.time = el("time", "muted");
  row.symbol = icon("info");
  row.words = el("span");
  row.append(row.time, row.symbol, row.words);
  return row;
}

function change(row, event, now) {
  const [colour, symbol] = tone(event.kind);
  row.dataset.tone = colour;
  setIcon(row.symbol, symbol);
  write(row.time, moment(event.utc_ms, utcNow(now)));
  write(row.words, words(event));
}
