// A list of rows of one height, of which only those in sight exist.

const OVERSCAN = 8; // rows above and below, so that quick scrolling shows no gaps

class RowList {
  // `draw(place)` makes the row at a place. The host scrolls; rows stand in a body as high as all of them.
  constructor(host, height, draw) {
    Object.assign(this, { host, height, draw, length: 0, drawn: new Map(), waiting: false });
    this.body = make("div", { class: "rows", role: "presentation" });
    host.append(this.body);
    host.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(host);
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.show(); });
  }

  // Everything anew.
  refresh(length = this.length) {
    this.length = length;
    this.body.style.height = `${length * this.height}px`;
    this.drawn.clear();
    this.body.replaceChildren();
    this.show();
  }

  // One row anew, if it is there.
  redraw(place) {
    const old = this.drawn.get(place);
    if (!old) return;
    const row = this.placed(place);
    old.replaceWith(row);
    this.drawn.set(place, row);
  }

  placed(place) {
    const row = this.draw(place);
    row.style.top = `${place * this.height}px`;
    return row;
  }

  show() {
    const top = this.host.scrollTop, high = this.host.clientHeight;
    const first = Math.max(0, Math.floor(top / this.height) - OVERSCAN);
    const last = Math.min(this.length - 1, Math.ceil((top + high) / this.height) + OVERSCAN);
    for (const [place, row] of this.drawn) {
      if (place < first || place > last) { row.remove(); this.drawn.delete(place); }
    }
    for (let place = first; place <= last; place++) {
      if (this.drawn.has(place)) continue;
      const row = this.placed(place);
      this.drawn.set(place, row);
      this.body.append(row);
    }
  }

  // Scroll as little as shows the row, with some air around it.
  reveal(place, air = 1) {
    const top = (place - air) * this.height, end = (place + 1 + air) * this.height;
    const { scrollTop, clientHeight } = this.host;
    if (top < scrollTop) this.host.scrollTop = Math.max(0, top);
    else if (end > scrollTop + clientHeight) this.host.scrollTop = end - clientHeight;
    this.show();
  }

  get page() {
    return Math.max(1, Math.floor(this.host.clientHeight / this.height) - 1);
  }
}

// The place that a key leads to in a list, null if it leads nowhere.
function moved(event, at, length, page) {
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: length - 1,
  }[event.key];
  if (to === undefined || !length) return null;
  return Math.min(length - 1, Math.max(0, to));
}
