// Shows what agents say while they say it, what they ask for, and what each turn has used. The
// server has told of the turns that were over. Of one that was going on, the beginning was missed:
// when it is over, too, the server is asked again.

import { getJson } from "./live.js";

// The model of an agent is a streaming tool with the id of a workflow around it.
const section = document.getElementById("said-section");
const log = document.getElementById("said");
const workflow = section?.dataset.workflow;
const open = new Map(); // what each tool call has written so far, by its id
const turns = new Set(); // ids of workflows in which models have spoken
const busy = new Map(); // the outermost open call of each step, by the address of the step
const begun = new Set(); // ids of the calls of models that were heard from their beginning
const missed = new Set(); // addresses of steps with other such calls
const KEPT = 400; // entries
let seen = Number(log?.dataset.seq ?? -1); // the last event that the server knew
let waiting = null; // what is heard while the server is asked

export function hear(event, seq) {
  if (!log || seq <= seen) return;
  if (waiting) return waiting.push([event, seq]);
  const { id = "", address, toolCallId, toolName } = event.payload ?? {};
  const speaks = toolName === workflow || `.${id}.`.includes(`.${toolName}.`);
  if (event.type === "tool-call" && speaks) {
    begun.add(toolCallId);
  } else if (event.type === "workflow-step-result" && missed.delete(address)) {
    askAgain();
  } else if (event.type === "tool-call-delta" && speaks) {
    if (!begun.has(toolCallId)) missed.add(address);
    turns.add(id.slice(0, Math.max(id.lastIndexOf("."), 0)));
    busy.set(address, toolCallId);
    write(toolCallId, toolName, event.payload.argsTextDelta);
  } else if (event.type === "tool-call" && !speaks && !busy.has(address) && isAskedFor(id)) {
    busy.set(address, toolCallId);
    add("called", `${toolName} ${JSON.stringify(event.payload.args)}`);
  } else if (event.type === "tool-result" || event.type === "tool-error") {
    open.delete(toolCallId);
    const isRepeated = event.type === "tool-error" && speaks; // a step-retry may follow
    if (!isRepeated && busy.get(address) === toolCallId) busy.delete(address);
  } else if (event.type === "workflow-step-retry") {
    strike(address);
  } else if (event.type === "workflow-finish") {
    use("In all: ", event.payload.output?.usage);
  }
}

async function askAgain() {
  waiting = [];
  try {
    const { html, seq } = await getJson(log.dataset.source);
    log.innerHTML = html; // rendered by the server, which escapes all values
    section.hidden = log.childElementCount === 0;
    log.scrollTop = log.scrollHeight;
    seen = seq;
    begun.clear(); // of other models that are speaking now, the beginning is gone
    open.clear();
  } catch {
    // What was heard stays.
  }
  const heard = waiting;
  waiting = null;
  for (const [event, seq] of heard) hear(event, seq);
}

const isAskedFor = (id) => [...turns].some((turn) => id.startsWith(`${turn}.`));

function write(call, name, piece) {
  if (typeof piece === "string") return text(call, "text", piece);
  if (piece?.type === "text-delta") return text(call, piece.provisional ? "provisional" : "text", piece.textDelta);
  if (piece?.type === "tool-call-delta") return text(call, `asks ${piece.toolName}`, piece.argsTextDelta, `${piece.toolName} `);
  if (piece?.type === "usage") use(`${name}: `, piece);
}

function text(call, kind, piece, head = "") {
  let entry = open.get(call);
  if (entry?.dataset.kind !== kind) {
    entry = add(kind.split(" ")[0], head);
    Object.assign(entry.dataset, { kind, call });
    open.set(call, entry);
  }
  entry.append(piece); // as text, never as HTML
  log.scrollTop = log.scrollHeight;
}

function use(head, usage) {
  if (!usage?.inputTokens && !usage?.outputTokens) return;
  const count = (number = 0) => number.toLocaleString("en");
  const cost = usage.cost === undefined ? "" : `, cost ${Number(usage.cost.toPrecision(4))}`;
  add("used", `${head}${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out${cost}`);
}

// A request that is repeated makes void what was said before.
function strike(address) {
  const call = busy.get(address);
  for (const entry of log.querySelectorAll(`[data-call="${CSS.escape(call ?? "")}"]`)) entry.classList.add("void");
  busy.delete(address);
}

function add(kind, words) {
  section.hidden = false;
  const entry = document.createElement("p");
  entry.className = kind;
  entry.append(words);
  log.append(entry);
  while (log.childElementCount > KEPT) log.firstElementChild.remove();
  return entry;
}
