// The first thing to see: may there be power, and if not, why.

import { byId, el, icon, keep, mark, setIcon, write } from "/static/dom.js";
import { age, isBinary, measured, number } from "/static/format.js";
import { follow, running, state } from "/static/store.js";
import { either, t } from "/static/texts.js";
import { why } from "/static/words.js";

const SYMBOLS = { permitted: "power", cut: "cut", locked: "lock", unknown: "unknown" };
const FACTS = ["reset", "since", "contact", "feed", "lease", "alarms"];
const said = new Map(); // area -> what was announced last

export function showAreas(now, live) {
  // What was permitted when the line was lost may be cut by now.
  const areas = live ? state.document.areas : state.document.areas.map(unknown);
  byId("areas-none").hidden = areas.length > 0;
  keep(byId("areas"), areas, (area) => area.area, make, (node, area) => change(node, area, now));
  const first = areas.find((area) => area.state !== "permitted") ?? areas[0];
  write(byId("note"), t("area.note", { command: `minegate reset ${first?.area ?? "AREA"}` }));
  if (live) announce(areas, now);
}

function unknown(area) {
  return follow(area, { ...area, state: "unknown", lost: true, fresh: false, restorable: false });
}

function make() {
  const node = el("article", "area");
  const facts = el("dl", "facts");
  node.facts = {};
  for (const name of FACTS) {
    const entry = el("div", "", el("dt"), el("dd"));
    node.facts[name] = entry;
    facts.append(entry);
  }
  node.symbol = icon("unknown");
  node.titleText = el("h3");
  node.word = el("p", "word");
  node.why = el("p", "why");
  node.number = el("b");
  node.limit = el("span");
  node.against = el("p", "against", node.number, node.limit);
  node.rules = el("p", "rules muted small");
  const sentence = el("div", "sentence", node.titleText, node.word, node.why, node.against);
  node.append(el("div", "badge", node.symbol), sentence, el("div", "detail", facts, node.rules));
  return node;
}

function change(node, area, now) {
  node.dataset.state = area.state === "permitted" && area.alarms > 0 ? "alarm" : area.state;
  setIcon(node.symbol, SYMBOLS[area.state]);
  const title = either(area.title_zh, area.title_en);
  write(node.titleText, title ? `${title} · ${area.area}` : area.area);
  write(node.word, t(`state.${area.state}`));
  write(node.why, reason(area, now));
  const shows = area.value !== null && area.limit !== null && !isBinary(area, area.value) && area.state !== "permitted";
  node.against.hidden = !shows;
  if (shows) {
    write(node.number, measured(area.value, area));
    write(node.limit, t("area.limit", { limit: measured(area.limit, area) }));
  }
  write(node.rules, t("area.rules", { hash: area.rules }));
  changeFacts(node.facts, area, now);
}

function reason(area, now) {
  if (area.lost) return t("area.lost.why");
  if (area.state === "unknown") return t("area.unknown.why", { age: age(running(area, "age_ms", now)) });
  if (area.state !== "permitted") return why(area);
  return area.alarms > 0 ? t("area.alarm.why", { count: area.alarms }) : t("area.permitted.why");
}

function changeFacts(facts, area, now) {
  const known = area.fresh;
  const lease = Math.max(0, area.lease_left_ms - (running(area, "age_ms", now) - area.age_ms));
  fact(facts.since, "area.since", ["plain", "clock", known ? age(running(area, "since_ms", now)) : "–"]);
  fact(facts.contact, "area.contact", known ? contact(area) : ["plain", "unknown", t("contact.unknown")]);
  fact(facts.feed, "area.feed", known ? feed(area) : ["plain", "unknown", t("feed.unknown")]);
  fact(facts.lease, "area.lease", ["plain", "clock", leaseWord(known, lease)]);
  fact(facts.alarms, "area.alarms", area.alarms > 0 ? ["warn", "warn", area.alarms] : ["plain", "check", 0]);
  fact(facts.reset, "area.reset", reset(area));
  facts.reset.classList.add("reset");
}

function fact(entry, key, [tone, symbol, text]) {
  write(entry.firstChild, t(key));
  mark(entry.lastChild, tone, symbol, text);
}

function leaseWord(known, ms) {
  if (!known) return "–";
  return ms > 0 ? `${number(ms / 1000, 1)} s` : t("area.lease.none");
}

function contact({ contact: word, state: power }) {
  if (word === "unread") return ["plain", "unknown", t("contact.unread")];
  const safe = word === "open" || (word === "closed" && power === "permitted");
  const symbol = word === "open" ? "cut" : word === "closed" ? "power" : "warn";
  return [safe ? "plain" : "bad", symbol, t(`contact.${word}`)];
}

function feed({ feed: word, state: power }) {
  const agrees = word === "unknown" || (word === "live") === (power === "permitted");
  return [agrees ? "plain" : "warn", word === "live" ? "power" : word === "dead" ? "cut" : "unknown", t(`feed.${word}`)];
}

function reset(area) {
  if (area.state === "permitted") return ["plain", "check", t("area.reset.unneeded")];
  return area.restorable ? ["good", "check", t("area.reset.yes")] : ["bad", "lost", t("area.reset.no")];
}

// Spoken by a screen reader once per change, not with every frame.
function announce(areas, now) {
  const news = areas.filter((area) => said.get(area.area) !== area.state);
  for (const area of news) said.set(area.area, area.state);
  if (news.length) write(byId("announcement"), news.map((area) => `${area.area}: ${t(`state.${area.state}`)}. ${reason(area, now)}`).join(" "));
}
