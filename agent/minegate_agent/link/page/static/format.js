// Numbers, ages and times in the words of the chosen language.

import { has, language, t } from "/static/texts.js";

const NONE = "–";

export function number(value, decimals = 0) {
  return typeof value === "number" ? value.toFixed(decimals) : NONE;
}

export function count(value) {
  return typeof value === "number" ? value.toLocaleString(language() === "zh" ? "zh-CN" : "en-GB") : NONE;
}

// `1.62 %CH4`, or a word for a point that is on or off.
export function measured(value, row) {
  if (isBinary(row, value)) return t(`binary.${row.quantity}.${value}`);
  return [number(value, row.decimals), value === null ? "" : row.unit].filter(Boolean).join(" ");
}

// A range that goes beyond 1 belongs to a number, whatever its quantity is called.
export const isBinary = ({ quantity, high }, value) => !(high > 1) && has(`binary.${quantity}.${value}`);

export function age(ms) {
  if (ms === null || ms === undefined) return NONE;
  const s = Math.floor(ms / 1000);
  if (s < 1) return t("age.now");
  if (s < 60) return t("age.s", { s });
  const min = Math.floor(s / 60);
  if (min < 60) return t("age.min", { min, s: s % 60 });
  const h = Math.floor(min / 60);
  if (h < 24) return t("age.h", { h, min: min % 60 });
  return t("age.d", { d: Math.floor(h / 24), h: h % 24 });
}

const two = (n) => String(n).padStart(2, "0");

export function clock(utcMs) {
  const time = new Date(utcMs);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function moment(utcMs, nowUtcMs) {
  if (typeof utcMs !== "number") return NONE;
  const time = new Date(utcMs);
  const today = new Date(nowUtcMs).toDateString() === time.toDateString();
  return today ? clock(utcMs) : `${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(utcMs)}`;
}
