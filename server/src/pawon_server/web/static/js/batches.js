// Cooked batches: how long each may still be eaten, counted here from the server's clock.
import { attribute, icon, rows, show, text } from "./paint.js";
import { clockWithZone, fill, words } from "./words.js";

// Hours of two digits need a smaller figure.
const LONG_FIGURE = 8;

export function uneaten(batches) {
  return batches.filter((batch) => batch.state !== "eaten" && batch.state !== "discarded");
}

// 3:59:07 that is left, +0:01:30 since it was over.
function countdown(leftMs) {
  const seconds = leftMs > 0 ? Math.ceil(leftMs / 1000) : Math.floor(-leftMs / 1000);
  const two = (value) => String(value).padStart(2, "0");
  return (leftMs > 0 ? "" : "+") + Math.floor(seconds / 3600) + ":" + two(Math.floor(seconds / 60) % 60) + ":" + two(seconds % 60);
}

function look(batch, nowMs, live) {
  const passed = batch.steps.filter((step) => step.at_ms <= nowMs);
  const last = batch.steps.find((step) => step.severity === "critical");
  const own = passed.some((step) => step.severity === "critical") ? "critical" : passed.length ? "warning" : "ok";
  const known = batch.steps.length ? own : "measured";
  let word = words.batch[batch.state];
  let what = passed.length ? passed[passed.length - 1]["action_" + words.language] : "";
  if (last) word = words.batch[nowMs >= last.at_ms ? "over" : "remaining"];
  if (!batch.named) what = what || words.batch.unnamed;
  else if (last) what = what || fill(words.batch.before, { time: clockWithZone(last.at_ms) });
  return {
    // Without the server nobody knows whether it has been eaten or thrown away.
    state: live ? own : "no_data",
    sign: live ? known : "no_data",
    figure: last ? countdown(last.at_ms - nowMs) : "\u2013",
    word: live ? word : words.batch.old,
    what,
  };
}

export function paintBatches(section, batches, nowMs, live) {
  const shown = batches.slice(0, words.rows.batches);
  show(section, batches.length > 0);
  rows(section.querySelector(".rows"), shown, "batch-template", (one) => one.id, (element, one) => {
    const seen = look(one, nowMs, live);
    attribute(element, "data-batch", one.id);
    attribute(element, "data-state", seen.state);
    attribute(element, "data-sign", seen.sign);
    icon(element.querySelector(".batch-icon use"), seen.sign);
    text(element.querySelector(".batch-name"), one.name);
    text(element.querySelector(".batch-wave"), one.named ? fill(words.batch.wave, { wave: one.wave }) : "");
    text(element.querySelector(".batch-figure"), seen.figure);
    attribute(element.querySelector(".batch-figure"), "data-size", seen.figure.length <= LONG_FIGURE ? "s" : "l");
    text(element.querySelector(".batch-word"), seen.word);
    text(element.querySelector(".batch-what"), seen.what);
  });
  const rest = section.querySelector(".rest");
  show(rest, batches.length > shown.length);
  text(rest, fill(words.rest, { n: batches.length - shown.length }));
}
