"use strict";
// Maps times (seconds since the start of the run) to positions from 0 to 1.
// Long idle times can be shortened.

const SHORTENED_SHARE = 0.4; // maximum share of the width for all shortened times
const SHORTENED_EACH = 0.08; // length of one shortened time, relative to the time of work

function makeScale(length, idle, shorten) {
  const cuts = shorten ? idle : [];
  const asleep = cuts.reduce((sum, [start, end]) => sum + end - start, 0);
  const work = Math.max(length - asleep, 1e-6);
  const share = SHORTENED_SHARE / (1 - SHORTENED_SHARE);
  const each = cuts.length ? work * Math.min(SHORTENED_EACH, share / cuts.length) : 0;
  const total = work + each * cuts.length;
  const points = [[0, 0]]; // [time, position]: linear between two points
  let place = 0, time = 0;
  for (const [start, end] of cuts) {
    place += start - time;
    points.push([start, place / total]);
    place += each;
    points.push([end, place / total]);
    time = end;
  }
  points.push([time + total - place, 1]);
  return {
    cuts,
    total,
    place: (t) => interpolate(points, t, 0, 1),
    time: (u) => interpolate(points, u, 1, 0),
  };
}

function interpolate(points, x, from, to) {
  let low = 0, high = points.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle][from] <= x) low = middle;
    else high = middle - 1;
  }
  const a = points[low], b = points[low + 1];
  const width = b[from] - a[from];
  return width > 0 ? a[to] + (b[to] - a[to]) * ((x - a[from]) / width) : a[to];
}

// A step between ticks of 1, 2 or 5 of a decimal unit, or of seconds, minutes, hours, days.
function niceStep(least) {
  const long = [60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400];
  if (least > 20) {
    const found = long.find((step) => step >= least);
    if (found) return found;
    return 86400 * niceStep(least / 86400);
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= least * 0.999);
  return step === 50 ? 60 : step;
}

function duration(seconds) {
  if (seconds < 0.0005) return seconds > 0 ? `${+(seconds * 1e6).toPrecision(3)} µs` : "0 s";
  if (seconds < 0.9995) return `${+(seconds * 1e3).toPrecision(3)} ms`;
  if (seconds < 59.95) return `${+seconds.toPrecision(3)} s`;
  const exact = seconds < 3600 ? 1 : seconds < 86400 ? 60 : 3600;
  return inUnits(Math.round(seconds / exact) * exact);
}

function inUnits(seconds) {
  const parts = [];
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

// A time on the axis, with the precision of the tick distance.
function moment(seconds, step) {
  if (step >= 60) return inUnits(Math.round(seconds)) || "0 s";
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  if (seconds < 60) {
    if (step < 1e-3) return `${(seconds * 1e3).toFixed(Math.max(digits - 3, 0))} ms`;
    return `${seconds.toFixed(digits)} s`;
  }
  const whole = Math.floor(seconds / 60 + 1e-9);
  return `${inUnits(whole * 60)} ${Math.abs(seconds - whole * 60).toFixed(digits)} s`;
}

function calendar(seconds) {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace("Z", " UTC");
}
