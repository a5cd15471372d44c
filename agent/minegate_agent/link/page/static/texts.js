// The one table of texts, in both languages side by side, and which of them is shown.

const LANGUAGES = ["zh", "en"];
const REMEMBERED = "minegate-lang";

let table = {};
let lang = "zh";

export async function loadTexts() {
  table = await (await fetch("/static/texts.json")).json();
  lang = chosen();
}

export const language = () => lang;

// A text with its {placeholders} filled. What is missing shows as a dash, so that a gap is seen and not guessed.
export function t(key, values = {}) {
  const text = table[key]?.[lang];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "–");
}

export const has = (key) => key in table;

// The one of two texts that a site file gives in both languages; the other one if it is empty.
export const either = (zh, en) => (lang === "zh" ? zh || en : en || zh) || "";

export function switchTo(wanted) {
  if (!LANGUAGES.includes(wanted)) return;
  lang = wanted;
  try {
    localStorage.setItem(REMEMBERED, lang);
  } catch {
    // a browser that keeps nothing still shows the page
  }
  const address = new URL(location);
  address.searchParams.set("lang", lang);
  history.replaceState(null, "", address);
}

export function writeStaticTexts() {
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const link of document.querySelectorAll("[data-lang]")) {
    if (link.dataset.lang === lang) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang");
  let remembered = null;
  try {
    remembered = localStorage.getItem(REMEMBERED);
  } catch {
    // as above
  }
  const own = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  return [asked, remembered, own].find((each) => LANGUAGES.includes(each));
}
