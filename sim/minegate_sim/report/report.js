// A line under the pointer through all plots, and the values there beside their names.
const told = JSON.parse(document.getElementById("data").textContent);
const plots = document.getElementById("plots");
const hair = document.createElement("div");
hair.className = "hair";
plots.append(hair);
const labels = [...plots.querySelectorAll("[data-line]")];

function nearest(s) {
  let low = 0, high = told.times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (told.times[middle] < s) low = middle + 1; else high = middle;
  }
  return low;
}

plots.addEventListener("pointermove", (event) => {
  const drawing = plots.querySelector("svg").getBoundingClientRect();
  const x = (event.clientX - drawing.left) * told.width / drawing.width;
  const inside = x >= told.left && x <= told.right;
  plots.classList.toggle("pointed", inside);
  if (!inside) return;
  const s = told.high * (x - told.left) / (told.right - told.left);
  hair.style.left = `${event.clientX - plots.getBoundingClientRect().left}px`;
  hair.dataset.s = `${s.toFixed(1)} s`;
  const index = nearest(s);
  for (const label of labels) label.querySelector("b").textContent = told.lines[label.dataset.line][index] ?? "";
});

plots.addEventListener("pointerleave", () => {
  plots.classList.remove("pointed");
  for (const label of labels) label.querySelector("b").textContent = "";
});
