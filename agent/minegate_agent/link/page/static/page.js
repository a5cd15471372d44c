// The page: hears the gateway, shows it, and says so when it no longer hears.

import { showAreas } from "/static/areas.js";
import { byId, mark, write } from "/static/dom.js";
import { showEvents } from "/static/events.js";
import { age, clock } from "/static/format.js";
import { showHealth } from "/static/health.js";
import { showProofs } from "/static/proofs.js";
import { showPoints } from "/static/points.js";
import { showReactions } from "/static/reactions.js";
import { change, full, state, utcNow } from "/static/store.js";
import { Stream } from "/static/stream.js";
import { either, loadTexts, switchTo, t, writeStaticTexts } from "/static/texts.js";
import { forgetCharts, showTrends } from "/static/trends.js";

const CLOCKS_MS = 500;
const TONES = { live: ["good", "check"], connecting: ["note", "clock"], lost: ["bad", "lost"] };

function show(stream) {
  const now = performance.now();
  const line = stream.state(now);
  showConnection(line, now, stream);
  if (!state.document) return;
  document.body.classList.remove("waiting");
  showHead(now, line);
  showAreas(now, line === "live");
  showTrends(now);
  showPoints(now);
  showHealth(now);
  showReactions();
  showProofs(now);
  showEvents(now);
}

function showConnection(line, now, stream) {
  const lost = line === "lost";
  document.body.classList.toggle("lost", lost);
  byId("stale").hidden = !lost;
  mark(byId("connection"), ...TONES[line], t(`head.${line}`));
  if (!lost) return;
  const heard = stream.heardAt;
  write(byId("stale-body"), heard === null ? t("stale.never") : t("stale.body", { age: age(now - heard) }));
}

function showHead(now, line) {
  const { mine, id, title_zh, title_en } = state.document.gateway;
  const title = either(title_zh, title_en) || t("head.title");
  write(byId("gateway"), title);
  write(byId("mine"), t("head.mine", { mine, id }));
  if (line === "live") write(byId("clock"), clock(utcNow(now)));
  const worst = ["cut", "locked", "unknown"].find((each) => state.document.areas.some((area) => area.state === each));
  const word = line === "live" ? (worst ? `${t(`state.${worst}`)} · ` : "") : `${t("head.lost")} · `;
  if (document.title !== word + title) document.title = word + title;
}

await loadTexts();
writeStaticTexts();
const stream = new Stream((kind, heard) => {
  (kind === "full" ? full : change)(heard, performance.now());
  show(stream);
});
byId("languages").addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-lang]")?.dataset.lang;
  if (!wanted) return;
  event.preventDefault();
  switchTo(wanted);
  writeStaticTexts();
  show(stream);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  forgetCharts();
  show(stream);
});
setInterval(() => show(stream), CLOCKS_MS);
show(stream);
