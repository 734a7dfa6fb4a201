// The stream of events, and the honest answer to "is it alive?". Five seconds of silence are an answer: no.
// EventSource reconnects by itself only after some failures, so this closes and opens it itself, patiently, with jitter
// (twenty screens must not come back in one instant). Only a snapshot makes a connection alive again.
import { elapsed, woke } from "./time.js";

const SILENT_MS = 5000;
const LOOK_EVERY_MS = 250;
const ANSWER_WITHIN_MS = 8000;
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 10000;
const LATE_MS = 3000;
const NAMES = ["snapshot", "tile", "incidents", "stock", "gateways", "batches", "tick"];

export class Connection {
  // `onEvent(name, data, asked)`; `onState(live)`; `time` is the ServerTime to keep.
  constructor(url, time, onEvent, onState) {
    Object.assign(this, { url, time, onEvent, onState });
    this.heard = 0;
    this.live = true;
    this.failures = 0;
    this.source = null;
    this.asked = 0;
    this.openAt = 0;
    this.complete = false;
  }

  start(heard) {
    this.heard = heard;
    this.open();
    setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  open() {
    this.asked = elapsed();
    this.complete = false;
    const source = new EventSource(this.url);
    this.source = source;
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (source === this.source) this.receive(name, event.data);
      });
    }
    source.onerror = () => {
      if (source === this.source) this.retry();
    };
  }

  receive(name, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch (error) {
      this.retry(); // half an event: what was missed is in the next snapshot
      return;
    }
    if (name !== "snapshot" && !this.complete) return;
    this.heard = elapsed();
    if (name === "snapshot") {
      this.time.begin(data.now_ms, this.asked);
      this.complete = true;
      this.failures = 0;
      this.setLive(true);
    } else if (name === "tick" && this.time.tick(data.now_ms) > LATE_MS) {
      this.retry(); // a backlog of old events, or the server's clock was set: begin anew
      return;
    }
    this.onEvent(name, data, this.asked);
  }

  look() {
    const slept = woke();
    const now = elapsed();
    if (now - this.heard > SILENT_MS) this.setLive(false);
    if (this.source === null) {
      if (now >= this.openAt) this.open();
    } else if (slept || now - Math.max(this.asked, this.heard) > (this.complete ? SILENT_MS : ANSWER_WITHIN_MS)) {
      this.retry();
    }
  }

  retry() {
    if (this.source !== null) this.source.close();
    this.source = null;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * Math.pow(2, this.failures));
    this.failures = Math.min(this.failures + 1, 10);
    this.openAt = elapsed() + wait * (0.5 + Math.random());
  }

  setLive(live) {
    if (live === this.live) return;
    this.live = live;
    this.onState(live);
  }
}
