// Proof tests: what is due, the words to begin one with, and what it showed.

import { byId, el, keep, mark, write } from "/static/dom.js";
import { number } from "/static/format.js";
import { state, utcNow } from "/static/store.js";
import { t } from "/static/texts.js";

const DAY_MS = 86_400_000;

export function showProofs(now) {
  const rows = state.document.proofs ?? [];
  byId("proofs-card").hidden = rows.length === 0;
  keep(byId("proofs"), rows, (row) => `${row.kind} ${row.subject}`, makeProof, (node, row) => changeProof(node, row, now));
}

function makeProof() {
  const item = el("li", "proof");
  item.named = el("b");
  item.mark = el("p", "mark");
  item.due = el("p", "muted small");
  item.next = el("p", "small");
  item.command = el("code");
  item.append(item.named, item.mark, item.due, item.next, item.command);
  return item;
}

function changeProof(node, row, now) {
  const days = row.passed_utc_ms === null ? null : (utcNow(now) - row.passed_utc_ms) / DAY_MS;
  const due = days === null || !(days <= row.days);
  write(node.named, `${t(`proof.${row.kind}`)} · ${row.subject}`);
  mark(node.mark, ...standing(row, due));
  const last = days === null ? t("proof.never") : t("proof.last", { days: number(Math.max(0, days), 1) });
  write(node.due, t("proof.every", { days: row.days, last }));
  node.title = row.source;
  write(node.next, advice(row, due));
  write(node.command, command(row, due));
  node.command.hidden = !command(row, due);
}

function standing(row, due) {
  if (row.running) return ["note", "clock", t("proof.running", { by: row.by })];
  if (row.passed === false) return ["bad", "warn", row.words];
  if (due) return ["warn", "clock", t("proof.due")];
  return ["good", "check", row.words || t("proof.in_time")];
}

function advice(row, due) {
  if (row.running) return t(row.kind === "lock" ? "proof.wait" : "proof.wait_fan");
  if (row.kind === "lock" && row.passed !== null && off(row.subject)) return t("proof.reset");
  if (!due && row.passed !== false) return "";
  return t({ lock: "proof.how", "fan-lock": "proof.how_fan", calibration: "proof.how_calibration" }[row.kind]);
}

function command(row, due) {
  if (row.running) return "";
  if (row.kind === "lock" && row.passed !== null && off(row.subject)) return `minegate reset ${row.subject} --by …`;
  if (!due && row.passed !== false) return "";
  const verb = row.kind === "calibration" ? "calibrated" : "run";
  return `minegate proof ${verb} ${row.subject} --by … --reason …`;
}

const off = (name) => state.document.areas.some((area) => area.area === name && area.state !== "permitted");
