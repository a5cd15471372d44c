// Events and causes in words. The templates are in texts.json; the same table serves other readers of events.

import { count, isBinary, measured, number } from "/static/format.js";
import { state } from "/static/store.js";
import { either, has, language, t } from "/static/texts.js";

const SEVERE = ["cut", "lock", "commanded_cut", "output_lost", "feed_mismatch", "fan_locked", "second_cut", "test_failed", "inputs_lost", "loss", "disk_error", "driver_error"];
const NOTABLE = ["alarm", "reset_refused", "device_lost", "port_lost", "uplink_down", "rules_edited", "calibration", "bypass", "act_refused", "point_lost", "test_overdue", "clock_step", "quality"];
const WELL = ["alarm_over", "restorable", "reset", "output_back", "feed_agrees", "fan_free", "point_back", "test_done", "inputs_back", "device_back", "port_back", "uplink_up", "disk_ok"];

export function tone(kind) {
  if (SEVERE.includes(kind)) return ["bad", kind === "lock" ? "lock" : kind === "cut" || kind === "commanded_cut" ? "cut" : "lost"];
  if (NOTABLE.includes(kind)) return ["warn", "warn"];
  if (WELL.includes(kind)) return ["good", "check"];
  return ["plain", "info"];
}

// `place name`, so that a person finds it both on the wall and in the files.
export function pointName(row) {
  const place = either(row.place_zh, row.place_en);
  return place ? `${place} ${row.name}` : row.name;
}

export function areaName(name) {
  const area = state.document.areas.find((each) => each.area === name);
  return (area && either(area.title_zh, area.title_en)) || name || "–";
}

// Why power is not permitted; `row` is an area or an event.
export function why(row) {
  const point = state.document.points.find((each) => each.name === row.point);
  const shown = point ?? { decimals: 2, unit: "", quantity: "" };
  if (!has(`cause.${row.cause}`)) return row.cause ?? "–";
  // a fan that stands has no limit that could be read as a number
  const cause = row.cause === "limit" && isBinary(shown, row.value) ? "state" : row.cause;
  return t(`cause.${cause}`, {
    subject: point ? pointName(point) : row.point || t("subject.chain"),
    value: measured(row.value ?? null, shown),
    limit: measured(row.limit ?? null, shown),
  });
}

export function words(event) {
  const open = event.kind === "loss" && event.last === null; // how much it was, nobody knows
  const key = open ? "event.open_end" : has(`event.${event.kind}`) ? `event.${event.kind}` : "event.other";
  const point = pointOf(event);
  const shown = point ?? { decimals: 2, unit: "", quantity: "" };
  return t(key, {
    ...event,
    kind: event.kind,
    area: areaName(event.area),
    subject: point ? pointName(point) : event.point || deviceName(event.device) || "–",
    value: measured(event.value ?? null, shown),
    limit: measured(event.limit ?? null, shown),
    why: event.kind === "loss" ? lossReason(event.reason) : why(event),
    by: event.by || "–",
    reason: event.reason || "–",
    detail: event.detail || event.error || event.reason || event.text || "–",
    device: deviceName(event.device),
    port: event.port ?? event.name ?? "–",
    process: has(`process.${event.from}`) ? t(`process.${event.from}`) : event.from,
    count: count(event.count),
    first: count(event.first),
    last: count(event.last),
    ms: number(event.kind === "output_open" ? event.value : (event.step_ms ?? event.ms), 0),
    quality: qualityWords(Array.isArray(event.quality) ? event.quality : [String(event.quality ?? "–")]),
  });
}

export function qualityWords(names) {
  if (!names.length) return t("point.good");
  const told = names.map((name) => (has(`quality.${name}`) ? t(`quality.${name}`) : name));
  return told.join(language() === "zh" ? "、" : ", ");
}

function pointOf(event) {
  if (!event.point) return undefined;
  return state.document.points.find((each) => each.name === event.point || each.number === event.point);
}

function deviceName(device) {
  const row = state.document.devices.find((each) => each.number === device || each.name === device);
  if (!row) return device ?? "";
  const title = either(row.title_zh, row.title_en);
  return title ? t("device.named", { name: row.name, title }) : row.name;
}

function lossReason(reason) {
  return has(`loss.${reason}`) ? t(`loss.${reason}`) : t("loss.other", { reason });
}
