// Delivery, processes, disk and ports: whether what is measured also arrives.

import { byId, el, keep, mark, write } from "/static/dom.js";
import { age, count, number } from "/static/format.js";
import { running, state } from "/static/store.js";
import { t } from "/static/texts.js";

const BACKLOG_FULL = 6; // the bar is logarithmic and full at a million records
const REPORT_OLD_MS = 5000;

export function showHealth(now) {
  showDelivery(now);
  showProcesses();
  showLines(now);
}

function showDelivery(now) {
  const { configured, connected, last, confirmed, waiting, ...delivery } = state.document.delivery;
  const since = age(running(state.document.delivery, "since_ms", now));
  if (!configured) mark(byId("uplink"), "faint", "unknown", t("delivery.absent"));
  else if (connected) mark(byId("uplink"), "good", "check", `${t("delivery.connected")} · ${since}`);
  else mark(byId("uplink"), "bad", "lost", delivery.since_ms === null ? t("delivery.disconnected") : `${t("delivery.disconnected")} · ${since}`);
  write(byId("waiting"), count(waiting));
  write(byId("last"), count(last));
  write(byId("confirmed"), count(confirmed));
  const { bytes_each, thinned } = delivery.written;
  const each = t("delivery.written.value", { bytes: number(bytes_each, 0) });
  write(byId("written"), thinned ? `${each} · ${t("delivery.thinned", { count: count(thinned) })}` : each);
  const share = Math.min(1, Math.log10(1 + waiting) / BACKLOG_FULL);
  byId("waiting-bar").style.width = `${Math.round(share * 100)}%`;
  byId("waiting-bar").dataset.tone = connected ? "good" : "warn";
  byId("kept").hidden = !configured || connected;
}

function showProcesses() {
  const { processes, disk, hold } = state.document;
  const rows = Object.entries(processes).map(([name, up]) => ({
    key: `process.${name}`,
    shown: up ? ["good", "check", t("health.up")] : ["bad", "lost", t("health.down")],
  }));
  rows.push({ key: "health.disk", shown: disk.ok ? ["good", "check", t("health.disk.ok")] : ["bad", "lost", disk.error] });
  if (typeof hold.items === "number") {
    const text = t("health.hold.value", { items: count(hold.items), dropped: count(hold.dropped ?? 0) });
    rows.push({ key: "health.hold", shown: hold.dropped ? ["warn", "warn", text] : ["plain", "check", text] });
  }
  keep(byId("health"), rows, (row) => row.key, () => el("div", "", el("dt"), el("dd", "mark")), (node, row) => {
    write(node.firstChild, t(row.key));
    mark(node.lastChild, ...row.shown);
  });
}

function showLines(now) {
  const { lines, health, processes } = state.document;
  const old = running(health, "age_ms", now);
  const silent = !processes.field || (old !== null && old > REPORT_OLD_MS);
  byId("health-old").hidden = !(silent && old !== null);
  if (silent) mark(byId("health-old"), "bad", "warn", t("health.old", { age: age(old) }));
  keep(byId("lines").tBodies[0], lines, (line) => line.name, makeLine, (node, line) => changeLine(node, line, silent));
}

function makeLine() {
  const row = el("tr");
  row.name = el("th");
  row.name.scope = "row";
  row.called = el("span");
  row.more = el("div", "muted");
  row.name.append(row.called, row.more);
  row.mark = el("span", "mark");
  row.load = el("td", "number");
  row.timeouts = el("td", "number");
  row.nonsense = el("td", "number");
  row.append(row.name, el("td", "", row.mark), row.load, row.timeouts, row.nonsense);
  return row;
}

function changeLine(node, line, silent) {
  write(node.called, line.name);
  write(node.more, more(line));
  if (silent || typeof line.up !== "boolean") mark(node.mark, "faint", "unknown", t("line.unknown"));
  else if (line.up) mark(node.mark, "good", "check", t("line.up"));
  else mark(node.mark, "bad", "lost", t("line.down"));
  node.title = line.up === false ? (line.last_error ?? "") : classes(line);
  write(node.load, typeof line.utilisation === "number" ? `${number(line.utilisation * 100)} %` : "–");
  write(node.timeouts, count(line.timeouts));
  const bad = Object.values(line.nonsense ?? {}).reduce((sum, each) => sum + each, 0);
  write(node.nonsense, count(bad));
}

// Half of all answers came within the first time, 99 % within the second; and whom to look at when frames are bad.
function more(line) {
  const words = [];
  if (typeof line.answer_ms_p50 === "number") words.push(t("line.answer", { half: number(line.answer_ms_p50), most: number(line.answer_ms_p99) }));
  if (line.suspects?.length) words.push(t("line.suspect", { names: line.suspects.join(", ") }));
  return words.join(" · ");
}

// What was heard and was no answer, by class: for whoever looks for a bad plug.
function classes(line) {
  const shown = Object.entries(line.strays ?? {}).filter(([, each]) => each > 0);
  const words = shown.map(([name, each]) => `${t(`stray.${name}`)} ${count(each)}`);
  if (line.dropped) words.push(`${t("line.dropped")} ${count(line.dropped)}`);
  if (line.bus?.missed) words.push(`${t("line.missed")} ${count(line.bus.missed)}`);
  if (line.bus?.repeated) words.push(`${t("line.repeated")} ${count(line.bus.repeated)}`);
  return words.join(" · ");
}
