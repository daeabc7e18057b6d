// Follows a run or a list: asks again when something has happened, and never more often than the
// server can take. A server that is away is asked until it is back.

const LEAST = 250; // milliseconds between two questions
const SHARE = 6; // a question that took a second is asked again after six
const EVENTS = [
  "start", "resume", "recover", "suspended", "paused", "canceled", "finish", "step-start", "step-begin", "step-retry",
  "step-output", "step-progress", "step-waiting", "step-suspended", "step-answered", "step-deadline",
  "step-result", "step-finish", "run-started", "tool-call", "tool-call-streaming-start",
  "tool-call-delta", "tool-result", "tool-error", "event-received", "event-taken", "context-update", "gap",
];

const REASONS = {
  401: "The session has ended. Load the page again.",
  404: "This run is not there any more.",
  409: "The run has not started.",
};

// Calls fetchNow() when there is news. It returns whether there will be more.
// Calls hear(event, seq) with each event.
export function follow({ stream, every, fetchNow, hear = () => {} }) {
  const state = { timer: 0, wanted: false, busy: false, pause: LEAST, failures: 0, over: false };
  let source = null;

  function want() {
    state.wanted = true;
    if (!state.busy && !state.timer) state.timer = setTimeout(ask, state.pause);
  }

  async function ask() {
    clearTimeout(state.timer);
    state.timer = 0;
    if (state.over || document.hidden) return;
    Object.assign(state, { busy: true, wanted: false });
    const begun = performance.now();
    try {
      const more = await fetchNow();
      state.failures = 0;
      state.pause = Math.max(LEAST, (performance.now() - begun) * SHARE);
      say("");
      if (!more) stop();
      else if (stream && !source) listen();
    } catch (problem) {
      state.failures += 1;
      state.pause = Math.min(500 * 2 ** state.failures, 8000);
      state.wanted = true;
      say(REASONS[problem.status] ?? "The connection is lost. Trying again …", true);
    }
    state.busy = false;
    if (state.wanted && !state.over && !state.timer) state.timer = setTimeout(ask, state.pause);
  }

  function listen() {
    source = new EventSource(stream);
    for (const name of EVENTS) source.addEventListener(name, tell);
    source.onopen = () => state.failures && want();
    source.onerror = () => { // the browser connects again by itself, unless the server refuses
      if (source && source.readyState === EventSource.CLOSED) source = null;
      want();
    };
  }

  function tell(event) {
    want();
    if (event.type !== "gap") hear(JSON.parse(event.data), Number(event.lastEventId));
  }

  function stop() {
    state.over = true;
    if (source) source.close();
    clearInterval(state.clock);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) want(); });
  window.addEventListener("pagehide", () => { if (source) source.close(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  state.clock = setInterval(want, every * 1000);
  if (stream) listen();
  want();
}

export async function getJson(url) {
  const answer = await fetch(url, { headers: { accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) throw Object.assign(new Error(String(answer.status)), { status: answer.status });
  return answer.json();
}

function say(text, isLost = false) {
  const place = document.getElementById("connection");
  if (!place || place.textContent === text) return;
  place.textContent = text;
  place.classList.toggle("lost", isLost);
  document.documentElement.dataset.connection = isLost ? "lost" : "open";
}
