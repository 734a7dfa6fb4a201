// Balances and the newest movements.
import { attribute, rows, show, text } from "./paint.js";
import { amount, fill, moment, words } from "./words.js";

export function paintStock(section, stock) {
  const shown = stock.slice(0, words.rows.stock);
  rows(section.querySelector(".rows"), shown, "stock-template", (one) => one.place + "/" + one.item, (row, one) => {
    const low = one.minimum !== null && one.amount !== null && one.amount < one.minimum;
    attribute(row, "data-place", one.place);
    attribute(row, "data-item", one.item);
    row.toggleAttribute("data-low", low);
    text(row.querySelector(".item"), one.item_name);
    text(row.querySelector(".low"), low ? words.low : "");
    text(row.querySelector(".amount"), one.amount === null ? "\u2013" : amount(one.amount, one.unit));
    text(row.querySelector(".detail"), one.amount === null ? one.place_name + " \u00b7 " + words.unbooked : one.place_name);
  });
  const rest = section.querySelector(".rest");
  show(rest, stock.length > shown.length);
  text(rest, fill(words.rest, { n: stock.length - shown.length }));
  show(section.querySelector(".none"), stock.length === 0);
}

export function paintMovements(section, movements, nowMs) {
  const shown = movements.slice(0, words.rows.movements);
  rows(section.querySelector(".rows"), shown, "movement-template", (one) => one.id, (row, one) => {
    const way = one.amount > 0 ? "in" : "out";
    const kind = words.movement[one.kind] || words.movement[way];
    attribute(row, "data-movement", one.id);
    attribute(row, "data-state", one.state);
    attribute(row, "data-way", way);
    text(row.querySelector(".amount"), amount(one.amount, one.unit, true));
    text(row.querySelector(".item"), one.item_name);
    text(row.querySelector(".detail"), kind + " \u00b7 " + one.place_name);
    text(row.querySelector(".when"), moment(one.occurred_ms, nowMs));
    text(row.querySelector(".note"), words.note[one.state] || "");
  });
  show(section.querySelector(".none"), movements.length === 0);
}
