// Texts: the heading, the legend, and the details of the selected call.

function element(name, look, ...children) {
  const made = document.createElement(name);
  if (look) made.className = look;
  made.append(...children);
  return made;
}

function describeRun(data, rows) {
  const root = rows[0];
  const calls = rows.filter((row) => !["run", "loop", "group", "tool-call"].includes(row.kind)).length;
  document.getElementById("workflow").textContent = data.workflow || "A run";
  const status = element("b", "", `${GLYPHS[root.status]} ${root.status}`);
  const facts = [` after ${duration(data.length)}`, counted(calls, "call")];
  facts.push(`started ${calendar(data.started)}`, `run ${data.run}`);
  document.getElementById("summary").replaceChildren(status, facts.join(" · "));
}

function describeRow(data, row) {
  const facts = [["Status", row.status], ["Kind", row.kind === "run" ? "workflow" : row.kind]];
  if (row.id !== row.label) facts.push(["Id", row.id]);
  if (row.address) {
    facts.push(["Address", row.address]);
    if (row.kind !== "loop" && row.kind !== "tool-call") facts.push(["Step call id", `${data.run}:${row.address}`]);
  }
  if (row.start !== null) facts.push(["Started", `${calendar(data.started + row.start)} (${signed(row.start)})`]);
  if (!row.ongoing && row.end !== null) facts.push(["Ended", `${calendar(data.started + row.end)} (${signed(row.end)})`]);
  const took = timesAre(row);
  if (took) facts.push(["Took", took]);
  facts.push(...timesOf(row), ...Object.entries(row.facts));
  if (row.kind === "run" && data.trace) facts.push(["Trace id", data.trace]);
  if (row.children.length) facts.push(["Inside", counted(row.after - row.index - 1, "line")]);
  const list = element("dl", "", ...facts.map(([name, value]) =>
    element("div", "", element("dt", "", name), element("dd", "", String(value)))));
  const heading = element("h2", row.status, element("span", "glyph", GLYPHS[row.status]), ` ${row.label}`);
  const texts = row.texts.map(([name, text]) =>
    element("div", name === "Error" || name.startsWith("Attempt") ? "error" : "",
      element("h3", "", name), element("pre", "", text)));
  const panel = document.getElementById("details");
  panel.replaceChildren(heading, list, element("div", "texts", ...texts));
  panel.scrollTop = 0;
}

// Total time of each kind of span, if there is more than one kind.
function timesOf(row) {
  const names = { run: "Ran", queue: "Waited to begin", backoff: "Backed off", sleep: "Slept", wait: "Waited for events",
                  suspended: "Waited for answers", paused: "Was paused", lost: "Was not recovered",
                  halted: "Was stopped" };
  const sums = {};
  for (const [start, end, kind] of row.spans) sums[kind] = (sums[kind] ?? 0) + (end ?? data.length) - start;
  const kinds = Object.keys(sums);
  return kinds.length > 1 ? kinds.map((kind) => [names[kind] ?? kind, duration(sums[kind])]) : [];
}

function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function signed(seconds) {
  return `+${moment(seconds, 0.001)}`;
}

function describeSigns() {
  const bars = [["run success", "at work"], ["run failed", "✕ failed"], ["run canceled", "⊘ canceled"],
    ["run bailed", "⚑ bailed"], ["queue", "waits to begin"], ["backoff", "before the next attempt"], ["wait", "waits for an event"],
    ["sleep", "sleeps"], ["suspended", "waits for an answer"], ["lost", "process died"],
    ["halted", "stopped"]];
  const used = new Set(rows.flatMap((row) => row.spans.map(([, , kind], n) => `${kind} ${lookOf(row, n)}`)));
  const signs = bars.filter(([look]) => [...used].some((each) => look.split(" ").every((word) => each.includes(word))))
    .map(([look, text]) => sign(make("rect", `span ${look}`, { x: 1, y: 1, width: 26, height: 10, rx: 2 }), text));
  const marks = [["chunk", "chunk"], ["tool", "tool call"], ["delta", "piece of a tool"], ["retry", "attempt failed"],
    ["item", "item ended"], ["event", "event"], ["cut", "cut off"]];
  const seen = new Set(rows.flatMap((row) => Object.keys(row.marks)));
  signs.push(...marks.filter(([kind]) => seen.has(kind))
    .map(([kind, text]) => sign(make("path", `mark ${kind}`, { d: "M8.5 1V11M14.5 1V11M20.5 1V11" }), text)));
  document.getElementById("legend").replaceChildren(...signs);
}

function sign(drawing, text) {
  const picture = make("svg", "", { width: 28, height: 12, "aria-hidden": "true" });
  picture.append(drawing);
  return element("span", "", picture, text);
}
