// Incidents in words, the banner of the worst one, and the line for when there is none.
import { shownState } from "./board.js";
import { attribute, icon, show, text } from "./paint.js";
import { fill, limit, moment, span, words } from "./words.js";

export function ofFood(incident) {
  return words.food_kinds.includes(incident.kind);
}

function sortOf(incident) {
  if (ofFood(incident)) return "food";
  if (words.equipment_kinds.includes(incident.kind)) return "equipment";
  return words.stock_kinds.includes(incident.kind) ? "stock" : "sensor";
}

export function look(incident, nowMs) {
  let worst = "";
  if (incident.worst !== null) {
    worst = limit(Math.round(incident.worst * 10) / 10, incident.unit);
    if (incident.limit_value !== null) {
      worst = fill(words.worst, { worst, limit: limit(incident.limit_value, incident.unit) });
    }
  }
  const open = incident.closed_ms === null;
  return {
    worst,
    word: words.state[incident.severity],
    sort: words[sortOf(incident)],
    icon: sortOf(incident) === "sensor" ? "fault" : incident.severity,
    what: incident["text_" + words.language],
    action: incident["action_" + words.language],
    since: fill(open ? words.since : words.ended, {
      time: moment(incident.began_ms, nowMs) + " " + words.zone_label,
      span: span((open ? nowMs : incident.closed_ms) - incident.began_ms),
    }) + estimate(incident, nowMs),
  };
}

// Between when it was, where no clock knew: nobody may take the date for more than it is.
function estimate(incident, nowMs) {
  const at = (ms) => (ms === null || ms === undefined ? null : moment(ms, nowMs));
  const earliest = at(incident.earliest_ms);
  const latest = at(incident.latest_ms);
  if (earliest === null && latest === null) return "";
  const kind = latest === null ? "after" : earliest === null ? "before" : "between";
  return " · " + fill(words.estimate[kind], { earliest, latest });
}

export function paintIncident(element, incident, nowMs) {
  const seen = look(incident, nowMs);
  const put = (name, value) => text(element.querySelector(".incident-" + name), value);
  attribute(element, "data-severity", incident.severity);
  attribute(element, "data-kind", incident.kind);
  icon(element.querySelector(".incident-icon use"), seen.icon);
  put("word", seen.word);
  put("kind", seen.sort);
  put("name", incident.name);
  put("worst", seen.worst);
  put("text-what", seen.what);
  put("since", seen.since);
  put("action", seen.action);
  const long = seen.action.length;
  attribute(element.querySelector(".incident-action"), "data-size", long <= 50 ? "s" : long <= 90 ? "m" : "l");
  show(element.querySelector(".incident-late"), incident.late);
}

export function paintBanner(element, incidents, nowMs) {
  show(element, incidents.length > 0);
  if (!incidents.length) return;
  paintIncident(element, incidents[0], nowMs);
  const more = element.querySelector(".incident-more");
  show(more, incidents.length > 1);
  const names = incidents.slice(1, 1 + words.rows.more).map((incident) => incident.name);
  text(more, fill(words.more, { n: incidents.length - 1, names: names.join(", ") }));
}

// Is all well, and if that is not known, what is not? A cut connection knows nothing.
export function calm(entries, recent, gateways, live, nowMs) {
  if (!live) return { mood: "unknown", title: words.cut, detail: words.cut_detail };
  const named = (states) => entries.filter((known) => states.includes(shownState(known))).map((known) => known.tile.name);
  const missing = named(["no_data", "fault"]);
  const beyond = named(["warning", "critical"]);
  const all = entries.length;
  if (missing.length || !all) {
    const title = fill(words.partly, { good: all - missing.length, all });
    return { mood: "unknown", title, detail: list(words.missing, missing) };
  }
  if (beyond.length) return { mood: "watch", title: words.watch, detail: list(words.watch_detail, beyond) };
  if (gateways.some((gateway) => gateway.online === false)) {
    return { mood: "unknown", title: words.away, detail: words.away_detail };
  }
  const detail = fill(words.well_detail, { all });
  const ended = recent.map((incident) => incident.closed_ms).filter((closed) => closed !== null);
  const streak = ended.length ? span(nowMs - Math.max.apply(null, ended)) : "";
  return { mood: "well", title: words.well, detail, streak };
}

function list(template, names) {
  const more = names.length - words.rows.more;
  const shown = names.slice(0, words.rows.more).join(", ") + (more > 0 ? " +" + more : "");
  return names.length ? fill(template, { names: shown }) : "";
}

export function paintCalm(element, seen) {
  attribute(element, "data-mood", seen.mood);
  text(element.querySelector(".calm-title"), seen.title);
  text(element.querySelector(".calm-detail"), seen.detail);
  text(element.querySelector(".calm-streak strong"), seen.streak || "");
  show(element.querySelector(".calm-streak"), Boolean(seen.streak));
}
