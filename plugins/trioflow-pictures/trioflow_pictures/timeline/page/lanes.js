// Drawing: the bars of one line, the axis, and the overview of the whole run.

const SVG = "http://www.w3.org/2000/svg";
const MIDDLE = 12; // of a line, from its top

function make(name, look, attributes, text) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", look);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}

const round = (x) => Math.round(x * 10) / 10;

// Ticks as one path: several on the same pixel are drawn once.
function ticks(look, places, width, top, bottom) {
  const columns = new Set();
  for (const x of places) if (x >= -1 && x <= width + 1) columns.add(Math.round(x) + 0.5);
  if (!columns.size) return null;
  const path = [...columns].sort((a, b) => a - b).map((x) => `M${x} ${top}V${bottom}`).join("");
  return make("path", look, { d: path });
}

function drawLane(lane, row, x, width) {
  const parts = scale.cuts.filter(([start, end]) => x(end) > 0 && x(start) < width)
    .map(([start, end]) => shortenedBand(x(start), x(end), 2 * MIDDLE)[0]);
  const [top, bottom] = row.kind === "tool-call" ? [8, 16] : row.holds ? [8, 16] : [5, 19];
  row.spans.forEach(([start, end, kind], position) => {
    const left = x(start), right = end === null ? width + 8 : x(end);
    if (right < -4 || left > width + 4) return;
    const from = Math.max(left, -8), to = Math.min(Math.max(right, left + 2.5), width + 8);
    parts.push(make("rect", `span ${kind} ${lookOf(row, position)}`, {
      x: round(from), y: top, width: round(to - from), height: bottom - top, rx: 2,
    }));
    if (end === null) parts.push(openEnd(width, top, bottom));
    else if (lookOf(row, position) === "failed") parts.push(...cross(right, to - from, width));
  });
  if (!row.spans.length && row.end !== null) parts.push(...onlyItsEnd(row, x));
  if (!row.open && row.children.length) parts.push(...drawBelow(row, x, width));
  for (const kind in row.marks) {
    const [from, to] = MARKS[kind] ?? [top, bottom];
    const path = ticks(`mark ${kind}`, row.marks[kind].map(x), width, from, to);
    if (path) parts.push(path);
  }
  const text = drawRemark(row, x, width);
  if (text) parts.push(text);
  lane.replaceChildren(...parts);
}

const MARKS = { chunk: [5, 12], delta: [13, 19], tool: [10, 19], item: [7, 17], problem: [4, 20],
                retry: [3, 21], event: [3, 21], cut: [2, 22] };

// The last attempt has the status of the call; earlier attempts have failed.
function lookOf(row, position) {
  const later = row.spans.slice(position + 1);
  if (row.spans[position][2] !== "run" && row.spans[position][2] !== "all") {
    return later.length || row.status !== "canceled" ? "" : "canceled";
  }
  if (later.length) return later[0][2] === "backoff" ? "attempt" : "";
  return row.status;
}

function openEnd(width, top, bottom) {
  const middle = (top + bottom) / 2;
  return make("path", "open", { d: `M${width - 7} ${top - 1}L${width} ${middle}L${width - 7} ${bottom + 1}Z` });
}

// A failure is also visible without colours.
function cross(right, length, width) {
  if (length < 14 || right > width + 4) return [];
  const d = `M${round(right) - 10} ${MIDDLE - 3}l6 6m0 -6l-6 6`;
  return [make("path", "cross", { d })];
}

// Only the end of an item may be known.
function onlyItsEnd(row, x) {
  const end = round(x(row.end)), begin = round(x(row.parent.start ?? 0));
  const diamond = `M${end} 7l5 5l-5 5l-5 -5Z`;
  return [
    make("path", "unknown", { d: `M${begin} ${MIDDLE}H${end - 6}` }),
    make("path", `span run ${row.status}`, { d: diamond }),
  ];
}

// Closed groups show their content as a line below their bar, problems on top.
function drawBelow(row, x, width) {
  const fine = [], bad = [];
  for (let index = row.index + 1; index < row.after; index++) {
    const inner = rows[index];
    if (!inner.counts) continue;
    const end = inner.end ?? data.length, start = inner.start ?? end;
    (isNotable(inner) ? bad : fine).push([x(start), x(end)]);
  }
  return [["below", fine], ["below problem", bad]]
    .map(([look, pieces]) => stretch(look, pieces, width)).filter(Boolean);
}

// Spans as one line; spans less than a pixel apart are merged.
function stretch(look, pieces, width) {
  const joined = [];
  for (const [left, right] of pieces.sort((a, b) => a[0] - b[0])) {
    const from = Math.max(left, 0), to = Math.min(Math.max(right, left + 1.5), width);
    const last = joined.at(-1);
    if (last && from <= last[1] + 0.75) last[1] = Math.max(last[1], to);
    else if (to > from) joined.push([from, to]);
  }
  if (!joined.length) return null;
  return make("path", look, { d: joined.map(([from, to]) => `M${round(from)} 20H${round(to)}`).join("") });
}

function drawRemark(row, x, width) {
  const text = remark(row);
  if (!text || row.end === null) return null;
  const right = row.ongoing ? width : x(row.end), left = row.start === null ? right : x(row.start);
  const needed = text.length * 6.6 + 8;
  const look = `took ${row.status}`;
  if (right >= 0 && right + needed <= width) {
    return make("text", look, { x: round(right + 8), y: MIDDLE + 4 }, text);
  }
  if (left - needed >= 0 && left <= width) {
    return make("text", look, { x: round(left - 6), y: MIDDLE + 4, "text-anchor": "end" }, text);
  }
  return null; // no space; the details show it
}

// ---------------------------------------------------------------- axis and overview
function drawAxis(lane, scale, view, x, width) {
  const parts = [];
  const step = niceStep(((view.to - view.from) * scale.total * 90) / Math.max(width, 1));
  let free = 0;
  const first = scale.time(view.from), last = scale.time(view.to);
  const gaps = scale.cuts.filter(([start, end]) => end > first && start < last);
  let written = -Infinity;
  for (const [start, end] of gaps) {
    const text = `⋯ ${duration(end - start)}`, middle = (x(start) + x(end)) / 2;
    if (middle - text.length * 3.3 < written) continue; // no space; the band shows the gap
    written = middle + text.length * 3.3 + 4;
    parts.push(make("text", "tick-text", { x: round(middle), y: 9, "text-anchor": "middle" }, text));
  }
  for (const [begin, end] of between(gaps, first, last)) {
    for (let n = Math.ceil(begin / step - 1e-9); n * step <= end; n++) {
      const place = x(n * step), text = moment(n * step, step);
      if (place < free || place + 4 + text.length * 6.6 > width + 4) continue;
      parts.push(make("path", "grid", { d: `M${Math.round(place) + 0.5} 12V26` }));
      parts.push(make("text", "tick-text", { x: round(place + 4), y: 23 }, text));
      free = place + text.length * 6.6 + 16;
    }
  }
  lane.replaceChildren(...parts);
}

function between(gaps, first, last) {
  const parts = [];
  let reached = first;
  for (const [start, end] of gaps) {
    if (start > reached) parts.push([reached, start]);
    reached = end;
  }
  if (last > reached) parts.push([reached, last]);
  return parts;
}

function drawOverview(lane, scale, view, width) {
  const height = 44, parts = [];
  const load = workload(scale, Math.max(Math.floor(width / 2), 1));
  const most = Math.max(...load, 1);
  let path = `M0 ${height}`;
  load.forEach((count, bucket) => {
    const y = round(height - 3 - (count / most) * (height - 7));
    path += `L${round((bucket / load.length) * width)} ${count ? y : height}`;
    path += `L${round(((bucket + 1) / load.length) * width)} ${count ? y : height}`;
  });
  parts.push(make("path", "area", { d: `${path}L${width} ${height}Z` }));
  for (const [start, end] of scale.cuts) parts.push(...shortenedBand(scale.place(start) * width, scale.place(end) * width, height));
  const bad = rows.filter((row) => row.notable && !row.children.some((child) => child.notable) && row.end !== null);
  const problems = ticks("mark problem", bad.map((row) => scale.place(row.end) * width), width, 0, height);
  if (problems) parts.push(problems);
  if (view.to - view.from < 1) {
    parts.push(make("rect", "brush", { x: round(view.from * width), y: 0.5,
      width: round(Math.max((view.to - view.from) * width, 3)), height: height - 1 }));
  }
  document.getElementById("most").textContent = `, at most ${most}`;
  lane.replaceChildren(...parts);
}

function shortenedBand(left, right, height) {
  return [
    make("rect", "shortened", { x: round(left), y: 0, width: round(right - left), height }),
    make("path", "shortened-edge", { d: `M${round(left)} 0V${height}M${round(right)} 0V${height}` }),
  ];
}

// Maximum number of concurrent calls in each of several equal parts of the picture.
function workload(scale, buckets) {
  const changes = [];
  for (const row of rows) {
    if (!row.counts) continue;
    for (const [start, end, kind] of row.spans) {
      if (kind === "run") changes.push([start, 1], [end ?? data.length, -1]);
    }
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]); // ends first: a successor is not concurrent
  const load = new Array(buckets).fill(0);
  let count = 0, reached = 0;
  for (const [time, change] of changes) {
    const bucket = Math.min(Math.floor(scale.place(time) * buckets), buckets - 1);
    for (; reached < bucket; reached++) load[reached + 1] = Math.max(count, 0);
    count += change;
    load[bucket] = Math.max(load[bucket], count);
  }
  return load;
}
