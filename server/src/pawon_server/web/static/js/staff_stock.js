// The list of stock is drawn by the server; when stock changes it is drawn anew. Nothing is typed on this page.
const events = new EventSource("/events");
events.addEventListener("stock", () => location.reload());
// A phone that sleeps hears nothing: what it shows when it wakes is drawn anew too.
addEventListener("pageshow", (shown) => { if (shown.persisted) location.reload(); });
