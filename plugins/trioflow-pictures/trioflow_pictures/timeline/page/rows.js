// The lines of the page: their nesting, visibility and search.

// Lines that need attention: failures, and calls that wait for an answer.
const NOTABLE = new Set(["failed", "canceled", "interrupted", "suspended", "paused"]);
const GLYPHS = { // available in common fonts
  success: "✓", failed: "✕", canceled: "⊘", bailed: "⚑", suspended: "‖", paused: "‖",
  running: "▸", waiting: "◷", interrupted: "!", pending: "·",
};
const OPEN_AT_FIRST = 200; // lines, approximately
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

// Opens level by level while the whole next level still fits.
function openAtFirst(rows) {
  let shown = 1;
  for (let level = [rows[0]]; level.length;) {
    const next = level.flatMap((row) => row.children);
    shown += next.length;
    for (const row of level) row.open = row.depth === 0 || shown <= OPEN_AT_FIRST;
    level = shown <= OPEN_AT_FIRST ? next : [];
  }
}

// Counts the items of a foreach if their start is known, otherwise the foreach itself.
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

// The label beside the bar, also for screen readers: the status if not success, and the duration.
function remark(row) {
  const parts = [];
  if (row.status !== "success") parts.push(row.status);
  if (row.facts.Attempts > 1) parts.push(`${row.facts.Attempts} attempts`);
  const took = timesAre(row);
  if (took) parts.push(took);
  return parts.join(", ");
}
