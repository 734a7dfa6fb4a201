// The page for everyone.
import { paintBatches } from "./batches.js";
import { calm, ofFood, paintCalm, paintIncident } from "./incidents.js";
import { attribute, rows, show, text } from "./paint.js";
import { Screen } from "./screen.js";
import { clockWithZone, fill, words } from "./words.js";

const byId = (id) => document.getElementById(id);

function answer(screen, incidents, recent, nowMs) {
  if (!screen.connection.live || !incidents.length) {
    return calm(screen.board.entries(), recent, screen.state.gateways, screen.connection.live, nowMs);
  }
  const names = incidents.slice(0, words.rows.more).map((incident) => incident.name);
  const mood = incidents.some(ofFood) ? "incident" : "sensor";
  return { mood, title: fill(words.incident_open, { n: incidents.length }), detail: names.join(", ") };
}

// What people did, once they have settled it.
function done(incident) {
  if (incident.handling !== "settled") return "";
  const sentence = (words) => words.split(/\s+/).join(" ").trim().replace(/\.$/, "");
  return fill(words.settled, {
    cause: sentence(incident.cause), done: sentence(incident.done), fate: words.fate[incident.disposition] || "",
  });
}

function paintForum(screen) {
  const { incidents, recent_incidents: recent } = screen.state;
  const nowMs = screen.time.now();
  paintCalm(byId("answer"), answer(screen, incidents, recent, nowMs));
  const cases = incidents.concat(recent).slice(0, words.rows.incidents);
  rows(byId("incidents"), cases, "case-template", (incident) => incident.id, (element, incident) => {
    attribute(element, "data-incident", incident.id);
    attribute(element, "data-over", String(incident.closed_ms !== null));
    text(element.querySelector(".incident-now"), incident.closed_ms === null ? words.ongoing : words.done);
    text(element.querySelector(".incident-done-what"), done(incident));
    show(element.querySelector(".incident-done"), incident.handling === "settled");
    paintIncident(element, incident, nowMs);
  });
  show(byId("no-incidents"), cases.length === 0);
  paintBatches(byId("batches"), screen.state.batches, nowMs, screen.connection.live);
  if (screen.connection.live) text(byId("clock"), clockWithZone(nowMs));
}

new Screen(paintForum).start();
