// The television in the kitchen.
import { paintBatches, uneaten } from "./batches.js";
import { calm, paintBanner, paintCalm } from "./incidents.js";
import { attribute, show, text } from "./paint.js";
import { Screen } from "./screen.js";
import { clock, fill, number, words } from "./words.js";

const byId = (id) => document.getElementById(id);

function paintLink(gateways) {
  let [state, values] = ["ok", {}];
  const away = gateways.filter((gateway) => gateway.online === false).length;
  const queue = gateways.reduce((sum, gateway) => sum + (gateway.queue_rows || 0), 0);
  if (!gateways.length || gateways.some((gateway) => gateway.online === null)) state = "unknown";
  else if (away) [state, values] = ["away", { away, all: gateways.length }];
  else if (queue > words.queue) [state, values] = ["behind", { rows: number(queue, 0) }];
  attribute(byId("link"), "data-link", state);
  text(byId("link").querySelector(".link-text"), fill(words.link[state], values));
}

function paintWall(screen) {
  const { incidents, recent_incidents: recent, gateways } = screen.state;
  const nowMs = screen.time.now();
  paintBanner(byId("incident"), incidents, nowMs);
  attribute(document.body, "data-incident", incidents.length ? "open" : "none");
  show(byId("calm"), incidents.length === 0);
  paintCalm(byId("calm"), calm(screen.board.entries(), recent, gateways, screen.connection.live, nowMs));
  paintLink(gateways);
  const batches = uneaten(screen.state.batches);
  attribute(document.body, "data-batches", String(Math.min(batches.length, words.rows.batches)));
  paintBatches(byId("batches"), batches, nowMs, screen.connection.live);
  text(byId("clock"), clock(nowMs));
}

new Screen(paintWall).start();
