// The tiles of the wall and of the forum.
import { age, shownState } from "./board.js";
import { attribute, icon, rows, text } from "./paint.js";
import { ago, fill, limit, reading, words } from "./words.js";

// More than a kitchen has; a screen never works longer than this per frame, the rest comes in the next.
const PER_FRAME = 24;

export class Tiles {
  constructor(grid, board) {
    this.grid = grid;
    this.board = board;
    this.elements = new Map();
    this.waiting = new Set();
    this.framed = false;
  }

  // After a snapshot: the right tiles in the right order.
  arrange() {
    const entries = this.board.entries();
    rows(this.grid, entries, "tile-template", (known) => known.tile.sensor, (element, known) => {
      attribute(element, "data-sensor", known.tile.sensor);
      this.elements.set(known.tile.sensor, element);
    });
    for (const sensor of Array.from(this.elements.keys())) {
      if (!this.board.known.has(sensor)) this.elements.delete(sensor);
    }
    attribute(this.grid, "data-count", entries.length > 16 ? "many" : String(entries.length));
    for (const known of entries) this.soon(known.tile.sensor);
  }

  soon(sensor) {
    if (!this.elements.has(sensor)) return this.arrange();
    this.waiting.add(sensor);
    if (!this.framed) {
      this.framed = true;
      requestAnimationFrame(() => this.frame());
    }
    return undefined;
  }

  frame() {
    this.framed = false;
    let left = PER_FRAME;
    for (const sensor of Array.from(this.waiting)) {
      if (left-- === 0) break;
      this.waiting.delete(sensor);
      const known = this.board.known.get(sensor);
      if (known) paintTile(this.elements.get(sensor), known);
    }
    const [next] = this.waiting;
    if (next !== undefined) this.soon(next);
  }

  // Ages and validity, from this screen's own clock.
  grow() {
    for (const [sensor, element] of this.elements) {
      const known = this.board.known.get(sensor);
      if (known) paintState(element, known);
    }
  }
}

function paintTile(element, known) {
  const tile = known.tile;
  text(element.querySelector(".tile-name"), tile.name);
  attribute(element, "data-quantity", tile.quantity);
  const [label, bound] = limitWords(tile);
  text(element.querySelector(".limit-label"), label);
  text(element.querySelector(".limit"), bound);
  paintState(element, known);
}

function paintState(element, known) {
  const tile = known.tile;
  const state = shownState(known);
  const parts = tile.value === null || state === "fault" ? ["\u2013", ""] : reading(tile.value, tile.quantity, tile.unit);
  const value = element.querySelector(".tile-value");
  const figure = value.querySelector(".number");
  if (figure.textContent !== parts[0]) {
    figure.textContent = parts[0];
    attribute(value, "data-size", parts[0].length <= 4 ? "s" : parts[0].length <= 6 ? "m" : "l");
    attribute(value, "data-beat", value.getAttribute("data-beat") === "a" ? "b" : "a");
  }
  text(value.querySelector(".unit"), parts[1]);
  // Where no limit judges, a good value is measured; nobody has said that it is safe.
  const sign = state === "ok" && !tile.limit ? "measured" : state;
  attribute(element, "data-state", state);
  attribute(element, "data-sign", sign);
  icon(element.querySelector(".tile-icon use"), sign);
  text(element.querySelector(".tile-word"), words.state[sign]);
  text(element.querySelector(".tile-age"), ageWords(known, state));
}

function ageWords(known, state) {
  if (state === "fault") {
    const fault = known.tile.fault || "";
    return words.fault[fault] || fault.replace(/_/g, " ");
  }
  const old = age(known);
  if (old === null) return words.never;
  return state === "no_data" ? fill(words.old, { ago: ago(old) }) : ago(old);
}

function limitWords(tile) {
  const unit = tile.quantity === "mass_g" ? "g" : tile.unit;
  const bounds = [];
  if (tile.low !== null) bounds.push("\u2265 " + limit(tile.low, unit));
  if (tile.high !== null) bounds.push("\u2264 " + limit(tile.high, unit));
  const worded = bounds.join(" \u00b7 ") || tile.limit;
  if (worded) return [words.limit, worded];
  return ["", tile.stable === false ? words.unstable : ""];
}
