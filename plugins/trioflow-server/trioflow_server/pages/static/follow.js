// Keeps a page up to date: replaces the parts that the server has rendered anew.

import { follow, getJson } from "./live.js";
import { hear } from "./speech.js";

const shown = new Map(); // what the server has sent for each part
const place = document.querySelector("[data-live]");

function update(name, html, isOpen) {
  const part = document.getElementById(name);
  if (!part || shown.get(name) === html) return;
  const isFirst = !shown.has(name);
  shown.set(name, html);
  if (isFirst && same(part, html)) return;
  const fresh = document.createElement("div");
  fresh.innerHTML = html; // rendered by the server, which escapes all values
  if (name === "asked") updateForms(part, fresh, isOpen);
  else replace(part, fresh);
}

function same(part, html) {
  const probe = document.createElement("div");
  probe.innerHTML = html;
  return probe.innerHTML.trim() === part.innerHTML.trim();
}

// What a person has opened stays open, what has the focus keeps it, and nothing that is being
// filled in is taken away.
function replace(part, fresh) {
  if (part.querySelector("form") && part.contains(document.activeElement) &&
      document.activeElement.matches("input, textarea, select")) return shown.delete(part.id);
  const open = new Set([...part.querySelectorAll("details[open]")].map(nameOf));
  for (const each of fresh.querySelectorAll("details")) if (open.has(nameOf(each))) each.open = true;
  const focus = pathTo(part, document.activeElement);
  const texts = new Map([...part.querySelectorAll("input[id], textarea[id], select[id]")].map((each) => [each.id, each.value]));
  part.replaceChildren(...fresh.childNodes);
  for (const [id, text] of texts) {
    const field = document.getElementById(id);
    if (field) field.value = text;
  }
  if (focus) find(part, focus)?.focus();
}

const nameOf = (details) => details.dataset.open ?? details.querySelector("summary").textContent.trim();

function pathTo(part, element) {
  if (!part.contains(element) || element === part) return null;
  const path = [];
  for (let at = element; at !== part; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
  return path;
}

function find(part, path) {
  return path.reduce((at, index) => at?.children[index], part);
}

// Forms for the same question stay as they are. So do those that a person is filling in while the run
// goes on for a moment: it asks the other questions again.
function updateForms(part, fresh, isOpen) {
  const known = new Map([...part.querySelectorAll("[data-key]")].map((each) => [each.dataset.key, each]));
  const wanted = [...fresh.querySelectorAll("[data-key]")].map((each) => known.get(each.dataset.key) ?? each);
  for (const each of known.values()) if (!wanted.includes(each) && !(isOpen && isInUse(each))) each.remove();
  for (const each of wanted) if (!part.contains(each)) part.append(each);
}

function isInUse(section) {
  return section.contains(document.activeElement) ||
    [...section.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue);
}

function color(statuses) {
  for (const card of document.querySelectorAll("[data-address]")) {
    const status = statuses[card.dataset.address];
    if (status === undefined) delete card.dataset.status;
    else if (card.dataset.status !== status) card.dataset.status = status;
  }
}

if (place?.dataset.live) {
  const { live, stream, every } = place.dataset;
  follow({
    stream,
    every: Number(every),
    hear,
    async fetchNow() {
      const { html, graph, title, open } = await getJson(live);
      for (const name in html) update(name, html[name], open);
      if (graph) color(graph);
      if (title) document.title = `${title} · trioflow`;
      return open;
    },
  });
}
document.documentElement.classList.add("scripted");
