// Two clocks. `elapsed` never goes back and counts the time a screen slept; `ServerTime` guesses what the server's
// clock says now and how late its events arrive. The television's own wall clock is believed for neither.

// A jump of the wall clock against the steady one by more than this is taken for sleep. If it was only the clock being
// set, values look older than they are until the next snapshot: the harmless side to err on.
const SLEPT_MS = 2000;
let steady = performance.now();
let wall = Date.now();
let slept = 0;

export function elapsed() {
  return performance.now() + slept;
}

// Call regularly: true when the screen has just woken.
export function woke() {
  const steadyNow = performance.now();
  const wallNow = Date.now();
  const jump = wallNow - wall - (steadyNow - steady);
  steady = steadyNow;
  wall = wallNow;
  if (jump < SLEPT_MS) return false;
  slept += jump;
  return true;
}

// Ticks come every second, so an event between two of them was sent at most this long after the earlier one.
const BETWEEN_TICKS_MS = 1500;
// Crystals differ; without this a fast one would look like a growing delay after some hours.
const DRIFT_MS_PER_TICK = 1;

export class ServerTime {
  constructor() {
    this.offset = null;
    this.newest = null;
  }

  // The first word of a connection, asked for at `asked`: it left the server after that.
  begin(serverMs, asked) {
    this.offset = serverMs - asked;
    this.newest = serverMs;
  }

  // A tick: returns how much later it came than the quickest one did.
  tick(serverMs) {
    const seen = serverMs - elapsed();
    this.offset = Math.max(seen, this.offset - DRIFT_MS_PER_TICK);
    this.newest = serverMs;
    return this.offset - seen;
  }

  now() {
    return elapsed() + this.offset;
  }

  // How long an event arriving now has been on its way, at least.
  delay() {
    return Math.max(0, this.now() - this.newest - BETWEEN_TICKS_MS);
  }
}
