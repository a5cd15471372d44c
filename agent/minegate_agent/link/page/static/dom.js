// Making and changing elements. Texts are set as text, never as markup: names and reasons come from outside.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export function write(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  if (svg.dataset.name === name) return;
  svg.dataset.name = name;
  svg.firstChild.setAttribute("href", `#i-${name}`);
}

// A symbol and a word in the colour of `tone`: never colour alone.
export function mark(node, tone, symbol, text) {
  if (!node.firstChild) node.append(icon(symbol), el("span"));
  if (node.dataset.tone !== tone) node.dataset.tone = tone;
  setIcon(node.firstChild, symbol);
  write(node.lastChild, text);
}

// Keep the children of `parent` in step with `rows`, one element per key, made once and then changed. They come behind
// `head`, if it has one.
export function keep(parent, rows, keyOf, make, change, head = null) {
  const known = (parent.kept ??= new Map());
  const wanted = new Set();
  let before = head;
  for (const row of rows) {
    const key = keyOf(row);
    wanted.add(key);
    let node = known.get(key);
    if (!node) {
      node = make(row);
      known.set(key, node);
    }
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    change(node, row);
    before = node;
  }
  for (const [key, node] of known) {
    if (wanted.has(key)) continue;
    node.remove();
    known.delete(key);
  }
}
