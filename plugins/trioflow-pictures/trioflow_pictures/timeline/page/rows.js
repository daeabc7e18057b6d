// The lines of the page: which are inside which, which are shown, and which are looked for.

// What somebody should look at: what went wrong, and what waits for an answer.
const NOTABLE = new Set(["failed", "canceled", "interrupted", "suspended", "paused"]);
const GLYPHS = { // such as every font for screens has
  success: "✓", failed: "✕", canceled: "⊘", bailed: "⚑", suspended: "‖", paused: "‖",
  running: "▸", waiting: "◷", interrupted: "!", pending: "·",
};
const OPEN_AT_FIRST = 200; // lines, more or less
const HOLDING = new Set(["run", "workflow", "foreach", "item", "loop", "group"]);

function readRows(data) {
  const rows = data.rows, path = [];
  rows.forEach((row, index) => {
    row.index = index;
    row.parent = row.depth ? path[row.depth - 1] : null;
    path[row.depth] = row;
    path.length = row.depth + 1;
    row.children = [];
    if (row.parent) row.parent.children.push(row);
    row.start = row.spans.length ? row.spans[0][0] : null;
    const last = row.spans[row.spans.length - 1];
    if (last) row.end = last[1];
    row.ongoing = Boolean(last) && last[1] === null;
    row.open = false;
    row.notable = 0;
  });
  for (const row of [...rows].reverse()) {
    row.after = row.children.length ? row.children[row.children.length - 1].after : row.index + 1;
    const itself = isNotable(row) && !row.children.some((child) => child.notable);
    row.notable = row.children.reduce((sum, child) => sum + child.notable, itself ? 1 : 0);
    row.counts = row.works && row.kind !== "tool-call" && !itemsHaveBegun(row);
    row.holds = HOLDING.has(row.kind) && row.children.length > 0;
  }
  openAtFirst(rows);
  return rows;
}

// Opens level by level, as long as all of the next one can still be taken in.
function openAtFirst(rows) {
  let shown = 1;
  for (let level = [rows[0]]; level.length;) {
    const next = level.flatMap((row) => row.children);
    shown += next.length;
    for (const row of level) row.open = row.depth === 0 || shown <= OPEN_AT_FIRST;
    level = shown <= OPEN_AT_FIRST ? next : [];
  }
}

// Of a foreach whose items tell when they began the items are counted, otherwise itself.
function itemsHaveBegun(row) {
  return row.children.some((child) =>
    child.kind === "group" ? itemsHaveBegun(child) : child.kind === "item" && child.spans.length > 0);
}

function isNotable(row) {
  return NOTABLE.has(row.status);
}

function shownRows(rows) {
  const shown = [];
  for (let index = 0; index < rows.length;) {
    const row = rows[index];
    shown.push(row);
    index = row.open ? index + 1 : row.after;
  }
  return shown;
}

function findRows(rows, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  return rows.filter((row) => {
    row.text ??= [row.label, row.id, row.address, row.kind, row.status, row.facts.Plugin]
      .concat(row.texts.filter(([name]) => name === "Error" || name.startsWith("Attempt")).flat())
      .join("\n").toLowerCase();
    return row.text.includes(wanted);
  });
}

function reveal(row) {
  for (let outer = row.parent; outer; outer = outer.parent) outer.open = true;
}

function timesAre(row) {
  if (row.start === null) return "";
  const end = row.ongoing ? null : row.end;
  return end === null ? "" : duration(end - row.start);
}

// What stands beside the bar, and is read out: how it ended if not well, and how long it took.
function remark(row) {
  const parts = [];
  if (row.status !== "success") parts.push(row.status);
  if (row.facts.Attempts > 1) parts.push(`${row.facts.Attempts} attempts`);
  const took = timesAre(row);
  if (took) parts.push(took);
  return parts.join(", ");
}
