// The page: the visible part of the run; keys, pointers and printing.

const ROW = 24; // height of a line, as in page.css
const SPARE = 8; // lines that are rendered above and below the visible ones
const PRINTED = 300; // lines on paper
const part = (id) => document.getElementById(id);
const tree = part("tree"), holder = part("rows");
const overviewLane = part("overview").querySelector("svg"), axisLane = part("axis").querySelector("svg");
const state = { chosen: null, view: { from: 0, to: 1 }, hits: [], printing: false };
let data, rows = [], shown = [], scale, laneWidth = 0, drawnLength = 1;

// ---------------------------------------------------------------- drawing
function layOut() {
  scale = makeScale(drawnLength, data.idle, part("shorten").checked);
  listShown();
  redraw();
}

function redraw() {
  const inner = state.printing ? 960 : tree.clientWidth;
  const names = state.printing ? 260 : holder.querySelector(".name")?.offsetWidth || measureNames();
  laneWidth = Math.max(inner - names - 6, 40);
  for (const lane of [overviewLane, axisLane]) {
    lane.style.flex = `0 0 ${laneWidth}px`;
    lane.parentElement.querySelector(".name").style.flexBasis = `${names}px`;
  }
  drawOverview(overviewLane, scale, state.view, laneWidth);
  drawAxis(axisLane, scale, state.view, placeOf, laneWidth);
  drawRows();
}

function measureNames() {
  const probe = holder.appendChild(element("div", "row", element("span", "name")));
  const width = probe.firstChild.offsetWidth;
  probe.remove();
  return width;
}

function placeOf(time) {
  return ((scale.place(time) - state.view.from) / (state.view.to - state.view.from)) * laneWidth;
}

function listShown() {
  shown = shownRows(rows);
  holder.style.height = `${shown.length * ROW}px`; // before anything scrolls to a line in it
}

function drawRows() {
  let from = 0, to = Math.min(shown.length, PRINTED);
  if (!state.printing) {
    from = Math.max(Math.floor(tree.scrollTop / ROW) - SPARE, 0);
    to = Math.min(Math.ceil((tree.scrollTop + tree.clientHeight) / ROW) + SPARE, shown.length);
  }
  const hits = new Set(state.hits);
  holder.replaceChildren(...shown.slice(from, to).map((row, n) => drawRow(row, from + n, hits)));
  tree.setAttribute("aria-activedescendant", `row-${state.chosen.index}`);
  const left = shown.length - to;
  part("cut").hidden = !state.printing || !left;
  part("cut").textContent = `${left} more lines are not printed; close groups to see more of the run.`;
}

function drawRow(row, position, hits) {
  const twisty = row.children.length ? (row.open ? "▾" : "▸") : "";
  const name = element("span", "name", element("span", "fold", twisty),
    element("span", "glyph", GLYPHS[row.status]), element("span", "label", row.label));
  name.style.paddingLeft = `${6 + Math.min(row.depth, 12) * 14}px`;
  const kind = { workflow: "workflow", foreach: "for each", loop: "loop", sleep: "sleep", wait: "wait", map: "map",
                 tool: "tool", "tool-call": "tool" }[row.kind];
  if (kind) name.append(element("span", "kind", kind));
  if (!row.open && row.children.length) {
    name.append(element("span", "kind", `${row.children.length}`));
    if (row.notable && !isNotable(row)) name.append(element("span", "inside", `! ${row.notable}`));
  }
  const look = ["row", row.kind, row.status, row.holds && "holds", row === state.chosen && "chosen", hits.has(row) && "hit"];
  const lane = make("svg", "lane", { "aria-hidden": "true" });
  const line = element("div", look.filter(Boolean).join(" "), name, lane);
  line.id = `row-${row.index}`;
  line.style.top = `${position * ROW}px`;
  const siblings = row.parent ? row.parent.children : [row];
  const told = { role: "treeitem", "aria-level": row.depth + 1, "aria-setsize": siblings.length,
    "aria-posinset": siblings.indexOf(row) + 1, "aria-selected": row === state.chosen,
    "aria-label": `${row.label}, ${kind ? `${kind}, ` : ""}${row.status === "success" ? "success, " : ""}${remark(row)}` };
  if (row.children.length) told["aria-expanded"] = row.open;
  for (const key in told) line.setAttribute(key, told[key]);
  drawLane(lane, row, placeOf, laneWidth);
  return line;
}

// ---------------------------------------------------------------- moving about
function choose(row) {
  state.chosen = row;
  if (!shown.includes(row)) {
    reveal(row);
    listShown();
  }
  const top = shown.indexOf(row) * ROW;
  if (top < tree.scrollTop) tree.scrollTop = top;
  else if (top + ROW > tree.scrollTop + tree.clientHeight) tree.scrollTop = top + ROW - tree.clientHeight;
  describeRow(data, row);
  drawRows();
}

function step(by) {
  const place = Math.min(Math.max(shown.indexOf(state.chosen) + by, 0), shown.length - 1);
  choose(shown[place]);
}

function setOpen(row, open) {
  if (!row.children.length || row.open === open) return;
  row.open = open;
  listShown();
  if (!shown.includes(state.chosen)) choose(row);
  else drawRows();
}

function setAllOpen(open) {
  for (const row of rows) row.open = open || row.depth === 0;
  listShown();
  while (!shown.includes(state.chosen)) state.chosen = state.chosen.parent;
  choose(state.chosen);
}

function nextOf(list, by) {
  if (!list.length) return;
  const here = state.chosen.index;
  const found = by > 0 ? list.find((row) => row.index > here) : list.findLast((row) => row.index < here);
  choose(found ?? list.at(by > 0 ? 0 : -1));
}

function nextNotable(by) {
  nextOf(rows.filter((row) => row.notable && !row.children.some((child) => child.notable)), by);
}

function look(from, to) {
  const width = Math.min(Math.max(to - from, 1e-7), 1);
  const start = Math.min(Math.max(from, 0), 1 - width);
  state.view = { from: start, to: start + width };
  redraw();
}

function zoom(factor, around) {
  const { from, to } = state.view;
  const center = around ?? (from + to) / 2;
  look(center - (center - from) * factor, center + (to - center) * factor);
}

function pan(share) {
  const { from, to } = state.view;
  look(from + (to - from) * share, to + (to - from) * share);
}

function zoomTo(row) {
  const start = scale.place(row.start ?? row.parent?.start ?? 0), end = scale.place(row.end ?? drawnLength);
  const margin = Math.max((end - start) * 0.1, 1e-6);
  look(start - margin, end + margin);
}

function search(text) {
  state.hits = findRows(rows, text);
  part("found").textContent = text.trim() ? `${state.hits.length} found` : "";
  drawRows();
}

function toggleIdle() {
  part("shorten").checked = !part("shorten").checked;
  layOut();
}

// ---------------------------------------------------------------- keys and pointers
const KEYS = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  PageDown: () => step(Math.max(Math.floor(tree.clientHeight / ROW) - 1, 1)),
  PageUp: () => step(-Math.max(Math.floor(tree.clientHeight / ROW) - 1, 1)),
  Home: () => choose(shown[0]),
  End: () => choose(shown.at(-1)),
  ArrowRight: () => (state.chosen.children.length && state.chosen.open ? step(1) : setOpen(state.chosen, true)),
  ArrowLeft: () => {
    if (state.chosen.open && state.chosen.children.length) setOpen(state.chosen, false);
    else if (state.chosen.parent) choose(state.chosen.parent);
  },
  Enter: () => setOpen(state.chosen, !state.chosen.open),
  " ": () => setOpen(state.chosen, !state.chosen.open),
  "*": () => setAllOpen(true),
  "/": () => part("search").focus(),
  "+": () => zoom(1 / 1.5),
  "=": () => zoom(1 / 1.5),
  "-": () => zoom(1.5),
  0: () => look(0, 1),
  n: () => nextNotable(1),
  p: () => nextNotable(-1),
  z: () => zoomTo(state.chosen),
  i: toggleIdle,
};

tree.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25) };
  const action = event.shiftKey && moves[event.key] ? moves[event.key] : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
part("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextOf(state.hits, event.shiftKey ? -1 : 1);
  else if (event.key === "Escape" || event.key === "ArrowDown") tree.focus();
  else return;
  event.preventDefault();
});
part("search").addEventListener("input", (event) => search(event.target.value));
part("shorten").addEventListener("change", layOut);
const CLICKS = { notable: () => nextNotable(1), expand: () => setAllOpen(true), collapse: () => setAllOpen(false),
  in: () => zoom(1 / 1.5), out: () => zoom(1.5), fit: () => look(0, 1) };
for (const id in CLICKS) part(id).addEventListener("click", CLICKS[id]);
part("help-button").addEventListener("click", (event) => {
  const help = part("help");
  help.hidden = !help.hidden;
  event.target.setAttribute("aria-expanded", String(!help.hidden));
  redraw();
});

function rowAt(event) {
  const line = event.target.closest(".row");
  return line && rows[Number(line.id.slice(4))];
}
holder.addEventListener("click", (event) => {
  const row = rowAt(event);
  if (!row) return;
  choose(row);
  if (event.target.closest(".fold")) setOpen(row, !row.open);
});
holder.addEventListener("dblclick", (event) => rowAt(event) && zoomTo(rowAt(event)));
tree.addEventListener("scroll", () => requestAnimationFrame(drawRows));
tree.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.shiftKey) return;
  event.preventDefault();
  const { from, to } = state.view;
  const share = (event.clientX - axisLane.getBoundingClientRect().left) / laneWidth;
  if (event.ctrlKey) zoom(Math.exp(event.deltaY * 0.003), from + (to - from) * Math.min(Math.max(share, 0), 1));
  else pan((event.deltaY || event.deltaX) * 0.001);
}, { passive: false });
overviewLane.addEventListener("pointerdown", (down) => {
  const at = (event) => Math.min(Math.max((event.clientX - overviewLane.getBoundingClientRect().left) / laneWidth, 0), 1);
  const start = at(down);
  const move = (event) => Math.abs(at(event) - start) > 0.005 && look(Math.min(start, at(event)), Math.max(start, at(event)));
  const end = () => overviewLane.removeEventListener("pointermove", move);
  overviewLane.setPointerCapture(down.pointerId);
  overviewLane.addEventListener("pointermove", move);
  overviewLane.addEventListener("pointerup", end, { once: true });
});

// ---------------------------------------------------------------- paper
window.addEventListener("beforeprint", () => {
  state.printing = true;
  state.onScreen = state.view;
  look(0, 1);
});
window.addEventListener("afterprint", () => {
  state.printing = false;
  look(state.onScreen.from, state.onScreen.to);
});

// ---------------------------------------------------------------- data
// Shows a run, or the same run later: then selection, open groups and zoom stay.
function show(fresh) {
  const before = rows, chosen = state.chosen && nameOf(state.chosen);
  data = fresh;
  rows = readRows(data);
  if (before.length) keepOpen(before);
  // Open spans extend beyond the last event.
  drawnLength = data.length * (rows.some((row) => row.ongoing) ? 1.03 : 1) || 1e-3;
  state.chosen = rows.find((row) => nameOf(row) === chosen) ?? rows[0];
  describeRun(data, rows);
  describeSigns();
  part("shorten-label").hidden = !data.idle.length;
  part("notable").hidden = !rows[0].notable;
  part("notable").textContent = `Next of ${rows[0].notable} to look at`;
  part("expand").hidden = part("collapse").hidden = !rows.some((row) => row.depth && row.children.length);
  state.hits = findRows(rows, part("search").value);
  layOut();
  const scrolled = tree.scrollTop;
  choose(state.chosen);
  if (before.length) {
    tree.scrollTop = scrolled;
    drawRows();
  }
  document.documentElement.dataset.drawn = String(rows.length);
}

const nameOf = (row) => `${row.kind} ${row.address} ${row.label}`;

function keepOpen(before) {
  const known = new Map(before.map((row) => [nameOf(row), row.open]));
  for (const row of rows) row.open = known.get(nameOf(row)) ?? row.open;
}

const given = document.getElementById("data");
if (given) {
  show(JSON.parse(given.textContent));
  tree.focus();
}
new ResizeObserver(() => rows.length && redraw()).observe(tree);
