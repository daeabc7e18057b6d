"use strict";
// Shows the timeline of a run, and keeps it up to date. The timeline itself is that of the pictures.

const place = document.querySelector("[data-timeline]");
let isShown = false;

async function load({ getJson }) {
  const fresh = await getJson(place.dataset.timeline);
  show(fresh);
  if (!isShown) tree.focus();
  isShown = true;
  return fresh.rows[0].spans.some(([, end]) => end === null);
}

import("./live.js").then((live) => {
  if (place.dataset.live) {
    live.follow({ stream: place.dataset.stream, every: 15, fetchNow: () => load(live) });
  } else {
    load(live);
  }
});
