// Small, careful ways to change a page: nothing is written that already stands there.

export function text(element, value) {
  if (element && element.textContent !== value) element.textContent = value;
}

export function attribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export function icon(use, name) {
  attribute(use, "href", "#icon-" + name);
}

export function copy(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

// Make `list` hold one element per item, in order, by key; `paint(element, item)` fills each.
export function rows(list, items, template, keyOf, paint) {
  const old = new Map();
  for (const child of Array.from(list.children)) {
    if (child.dataset.key === undefined) child.remove(); // written by the server: made anew once, then kept
    else old.set(child.dataset.key, child);
  }
  let place = list.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      element = copy(template);
      element.dataset.key = key;
    }
    if (element !== place) list.insertBefore(element, place);
    place = element.nextElementSibling;
    paint(element, item);
  }
  for (const gone of old.values()) gone.remove();
}
