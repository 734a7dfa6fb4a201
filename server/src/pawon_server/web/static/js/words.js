// Words, numbers, ages and times as people write them. The server hands over every word; none is written here.
// The forms are those of language.py: a page repainted by these functions reads as the one the server sent.

export const words = JSON.parse(document.getElementById("words").textContent);

const MINUS = "\u2212";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const JUST_NOW_MS = 2 * SECOND;

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (all, key) => (key in values ? String(values[key]) : all));
}

export function number(value, decimals, signed) {
  const parts = Math.abs(value).toFixed(decimals).split(".");
  const nought = !/[1-9]/.test(parts.join(""));
  parts[0] = parts[0].replace(/\B(?=(\d{3})+$)/g, words.group);
  const sign = nought ? "" : value < 0 ? MINUS : signed ? "+" : "";
  return sign + parts.join(words.decimal);
}

export function reading(value, quantity, unit) {
  if (quantity === "mass_g") return [number(value / 1000, 2), "kg"];
  if (quantity === "door") return [value ? words.open : words.closed, ""];
  if (quantity === "power") return [value ? words.power_on : words.power_off, ""];
  return [number(value, quantity === "humidity_percent" ? 0 : 1), unit];
}

export function limit(value, unit) {
  const scaled = unit === "g" ? value / 1000 : value;
  const name = unit === "g" ? "kg" : unit;
  const decimals = [0, 1].find((n) => Math.abs(Number(scaled.toFixed(n)) - scaled) < 1e-9);
  return (number(scaled, decimals === undefined ? 2 : decimals) + " " + name).trim();
}

export function amount(value, unit, signed) {
  if (unit === "g") return number(value / 1000, 2, signed) + " kg";
  if (unit === "ml") return number(value / 1000, 2, signed) + " L";
  return number(value, 0, signed) + " " + (unit === "piece" ? words.piece : unit);
}

export function span(ms) {
  const long = Math.max(0, ms);
  if (long < MINUTE) return fill(words.seconds, { s: Math.floor(long / SECOND) });
  if (long < HOUR) return fill(words.minutes, { m: Math.floor(long / MINUTE) });
  if (long < DAY) {
    const m = Math.floor((long % HOUR) / MINUTE);
    return fill(m ? words.hours_minutes : words.hours, { h: Math.floor(long / HOUR), m });
  }
  const h = Math.floor((long % DAY) / HOUR);
  return fill(h ? words.days_hours : words.days, { d: Math.floor(long / DAY), h });
}

export function ago(ms) {
  const whole = ms - (ms % (ms >= DAY ? DAY : ms >= HOUR ? HOUR : 1));
  return ms < JUST_NOW_MS ? words.just_now : fill(words.ago, { span: span(whole) });
}

const calendar = new Intl.DateTimeFormat("en-GB", {
  timeZone: words.zone, hourCycle: "h23",
  month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function local(ms) {
  const found = {};
  for (const part of calendar.formatToParts(new Date(ms))) found[part.type] = part.value;
  return found;
}

export function clock(ms, seconds) {
  const at = local(ms);
  return at.hour + ":" + at.minute + (seconds ? ":" + at.second : "");
}

export function day(ms) {
  const at = local(ms);
  return Number(at.day) + " " + words.months[Number(at.month) - 1];
}

export function clockWithZone(ms) {
  return clock(ms) + " " + words.zone_label;
}

// Time of day, with the day before it when that is not the day of `nowMs`.
export function moment(ms, nowMs) {
  return day(ms) === day(nowMs) ? clock(ms) : day(ms) + " " + clock(ms);
}
