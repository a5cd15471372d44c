// What the gateway told, merged, and how old it has become since.

const EVENTS_SHOWN = 100;
const SAMPLES_MAX = 600;

export const state = { document: null, heardAt: 0, trends: new Map() };

const arrived = new WeakMap(); // section or row -> when it was heard, so that its clocks can run on

export function full(document, now) {
  state.trends.clear();
  state.document = document;
  for (const section of [...document.points, ...document.areas, document.delivery, document.health]) arrived.set(section, now);
  addTrends(document.trends);
  state.heardAt = now;
}

export function change(part, now) {
  const { points, events, trends, ...sections } = part;
  const known = state.document;
  Object.assign(known, sections);
  for (const key of ["delivery", "health"]) if (sections[key]) arrived.set(sections[key], now);
  for (const area of sections.areas ?? []) arrived.set(area, now);
  for (const row of points ?? []) {
    const at = known.points.findIndex((each) => each.number === row.number);
    if (at >= 0) known.points[at] = row;
    arrived.set(row, now);
  }
  if (events) known.events = [...events, ...known.events].slice(0, EVENTS_SHOWN);
  addTrends(trends);
  state.heardAt = now;
}

// A clock of a row as it stands now: what the gateway said plus what has passed since.
export function running(row, key, now) {
  const ms = row[key];
  return typeof ms === "number" ? ms + (now - (arrived.get(row) ?? now)) : null;
}

// A changed copy of a row keeps the row's clocks.
export function follow(row, copy) {
  arrived.set(copy, arrived.get(row));
  return copy;
}

export const utcNow = (now) => state.document.utc_ms + (now - state.heardAt);

function addTrends(trends) {
  for (const [name, { t: times, v: values }] of Object.entries(trends)) {
    let line = state.trends.get(name);
    if (!line || line.t.at(-1) >= times[0]) line = { t: [], v: [] }; // the gateway's clock stepped back
    line.t.push(...times);
    line.v.push(...values);
    line.t.splice(0, line.t.length - SAMPLES_MAX);
    line.v.splice(0, line.v.length - SAMPLES_MAX);
    state.trends.set(name, line);
  }
}
