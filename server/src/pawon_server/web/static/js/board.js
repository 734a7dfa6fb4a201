// What is known of each sensor, and since when, on this screen's own clock. No page is touched here.
import { elapsed } from "./time.js";

// Arrival times are only known to about this much (see BETWEEN_TICKS_MS); an older value is one older by more.
const OLDER_MS = 2000;

export class Board {
  constructor() {
    this.known = new Map();
  }

  // Everything anew, as sent at `sent` on this screen's clock.
  replace(tiles, sent) {
    this.known = new Map();
    for (const tile of tiles) this.known.set(tile.sensor, entry(tile, sent));
  }

  // One newer word about a sensor. An older measurement never replaces a newer one: only its judgement is taken.
  update(tile, sent) {
    const next = entry(tile, sent);
    const before = this.known.get(tile.sensor);
    if (before && before.measured !== null && next.measured !== null && next.measured < before.measured - OLDER_MS) {
      next.tile = Object.assign({}, tile, { value: before.tile.value, stable: before.tile.stable });
      next.measured = before.measured;
      next.expires = before.expires;
    }
    this.known.set(tile.sensor, next);
  }

  entries() {
    return Array.from(this.known.values());
  }
}

function entry(tile, sent) {
  return {
    tile,
    measured: tile.age_ms === null || tile.value === null ? null : sent - tile.age_ms,
    expires: sent + tile.valid_for_ms,
  };
}

// The state as it may be shown now: a value that has lost its validity is no data, whatever the server last said.
export function shownState(known) {
  if (known.tile.state === "fault") return "fault";
  if (known.tile.value === null || elapsed() >= known.expires) return "no_data";
  return known.tile.state;
}

export function age(known) {
  return known.measured === null ? null : Math.max(0, elapsed() - known.measured);
}
