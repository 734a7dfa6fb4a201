// What the wall and the forum share: the state of things, kept right by events, and repainted when it changed.
import { Board } from "./board.js";
import { Connection } from "./connection.js";
import { attribute, show, text } from "./paint.js";
import { paintMovements, paintStock } from "./stock.js";
import { Tiles } from "./tiles.js";
import { elapsed, ServerTime } from "./time.js";
import { clockWithZone, fill, span, words } from "./words.js";

const AGES_EVERY_MS = 250;
const byId = (id) => document.getElementById(id);

// When the server wrote this page, on this screen's clock: after the browser asked for it.
function pageAsked() {
  const [entry] = performance.getEntriesByType("navigation");
  return entry ? entry.requestStart : 0;
}

export class Screen {
  // `paintOwn(screen)` paints what only this page has, whenever something changed and four times a second.
  constructor(paintOwn) {
    this.paintOwn = paintOwn;
    this.board = new Board();
    this.time = new ServerTime();
    this.tiles = new Tiles(byId("tiles"), this.board);
    this.connection = new Connection("/events", this.time, (...event) => this.receive(...event), () => this.grow());
    this.state = JSON.parse(byId("first-snapshot").textContent);
  }

  start() {
    const asked = pageAsked();
    this.time.begin(this.state.now_ms, asked);
    this.take(this.state, asked);
    this.connection.start(elapsed());
    setInterval(() => this.grow(), AGES_EVERY_MS);
  }

  receive(name, data, asked) {
    if (name === "snapshot") {
      this.take(data, asked);
    } else if (name === "tile") {
      this.board.update(data, elapsed() - this.time.delay());
      this.tiles.soon(data.sensor);
    } else if (name !== "tick") {
      Object.assign(this.state, data);
      if (name === "stock") this.paintBooks();
      this.paintOwn(this);
    }
  }

  take(snapshot, sent) {
    this.state = snapshot;
    this.board.replace(snapshot.tiles, sent);
    this.tiles.arrange();
    text(byId("kitchen-name"), snapshot.kitchen.name);
    show(byId("demo-ribbon"), snapshot.kitchen.demo);
    this.paintBooks();
    this.grow();
  }

  paintBooks() {
    paintStock(byId("stock"), this.state.stock);
    paintMovements(byId("movements"), this.state.movements, this.time.now());
  }

  // What stands still here is noticed by the style: see #dead-man.
  beat() {
    attribute(byId("dead-man"), "data-beat", Math.floor(elapsed() / 1000) % 2 ? "a" : "b");
  }

  grow() {
    this.beat();
    this.tiles.grow();
    this.paintConnection();
    this.paintOwn(this);
  }

  paintConnection() {
    const live = this.connection.live;
    attribute(document.body, "data-connection", live ? "live" : "old");
    const banner = byId("old-banner");
    show(banner, !live);
    if (live) return;
    const silent = elapsed() - this.connection.heard;
    const since = clockWithZone(this.time.now() - silent);
    text(banner.querySelector(".old-text"), fill(words.old_since, { time: since, span: span(silent) }));
  }
}
