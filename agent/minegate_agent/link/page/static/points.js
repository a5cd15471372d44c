// Every point, under the device that measures it.

import { byId, el, keep, mark, write } from "/static/dom.js";
import { age, measured, number } from "/static/format.js";
import { running, state } from "/static/store.js";
import { either, t } from "/static/texts.js";
import { qualityWords } from "/static/words.js";

const SEVERE = ["LINE_BREAK", "DEVICE_FAULT", "OUT_OF_RANGE"];
const MINOR = ["CLOCK_UNSYNCHRONISED"];

// Tone, symbol and word of a reading: what is known against it, and where it stands against its limits.
export function verdict(row) {
  const names = row.quality;
  if (row.age_ms === null) return ["faint", "unknown", t("point.never")];
  if (names.some((name) => SEVERE.includes(name))) return ["bad", "lost", qualityWords(names)];
  if (names.includes("STALE")) return ["faint", "clock", qualityWords(names)];
  if (names.includes("CALIBRATING")) return ["note", "wrench", qualityWords(names)];
  if (names.some((name) => !MINOR.includes(name))) return ["warn", "warn", qualityWords(names)];
  const passed = limit(row);
  if (passed) return passed;
  return names.length ? ["note", "clock", qualityWords(names)] : ["good", "check", t("point.good")];
}

// Methane limits are upper limits; for other quantities the page does not know the direction and says nothing.
function limit(row) {
  if (row.quantity !== "methane" || row.value === null) return null;
  if (row.cut !== null && row.value >= row.cut) return ["bad", "cut", t("point.cut")];
  if (row.alarm !== null && row.value >= row.alarm) return ["warn", "warn", t("point.alarm")];
  return null;
}

export function showPoints(now) {
  const rows = state.document.points;
  const devices = state.document.devices.filter((device) => rows.some((row) => row.device === device.number));
  const table = byId("points");
  keep(table, devices, (device) => device.number, makeGroup, (node, device) => {
    changeGroup(node, device);
    const own = rows.filter((row) => row.device === device.number);
    keep(node, own, (row) => row.number, makeRow, (each, row) => changeRow(each, row, now), node.head);
  }, table.tHead);
}

function makeGroup() {
  const group = el("tbody");
  const head = el("th");
  head.colSpan = 4;
  head.scope = "rowgroup";
  group.name = el("b");
  group.about = el("span", "muted");
  group.mark = el("span", "mark");
  head.append(group.name, group.about, group.mark);
  group.head = el("tr", "group", head);
  group.append(group.head);
  return group;
}

function changeGroup(group, device) {
  write(group.name, device.name);
  write(group.about, either(device.title_zh, device.title_en));
  mark(group.mark, ...deviceMark(device));
}

function deviceMark({ up, answer_ms_p50: median }) {
  if (typeof up !== "boolean") return ["faint", "unknown", t("device.unknown")];
  if (!up) return ["bad", "lost", t("device.down")];
  const speed = typeof median === "number" ? ` · ${t("device.median", { ms: number(median) })}` : "";
  return ["good", "check", t("device.up") + speed];
}

function makeRow() {
  const row = el("tr", "point");
  row.name = el("span", "name");
  row.place = el("span", "muted small");
  row.value = el("td", "number value");
  row.mark = el("span", "mark");
  row.age = el("td", "number age");
  const head = el("th", "", row.name, row.place);
  head.scope = "row";
  row.append(head, row.value, el("td", "quality", row.mark), row.age);
  return row;
}

function changeRow(node, row, now) {
  const [tone, symbol, word] = verdict(row);
  node.dataset.tone = tone;
  node.dataset.point = row.name;
  write(node.name, row.name);
  write(node.place, either(row.place_zh, row.place_en));
  write(node.value, measured(row.value, row));
  mark(node.mark, tone, symbol, word);
  write(node.age, age(running(row, "age_ms", now)));
}
