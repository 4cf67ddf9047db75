// The octets, each linked with the field that it is of.

const OCTETS_ROW = 22;
const CELL = 19, LETTER = 8, ASIDE = 74; // pixels of an octet, of its letter, and of offset and margins

const octets = {
  message: null,
  pane: 0,
  wide: 16,
  cursor: 0,
  field: null, // whose octets are marked
  peeked: null,

  open() {
    this.host = byId("octets");
    this.list = new RowList(this.host, OCTETS_ROW, (place) => this.draw(place));
    this.host.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-at]");
      if (cell) this.go(Number(cell.dataset.at), true);
    });
    this.host.addEventListener("mouseover", (event) => {
      const cell = event.target.closest("[data-at]");
      this.peek(cell ? this.fieldAt(Number(cell.dataset.at)) : null);
    });
    this.host.addEventListener("mouseleave", () => this.peek(null));
    this.host.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fit()).observe(this.host);
    byId("tabs").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { this.other(step); byId(`tab-${this.pane}`).focus(); event.preventDefault(); }
    });
    byId("copy").addEventListener("click", () => this.copy());
  },

  // As many octets in a row as there is room for, 16 or 8.
  fit() {
    const wide = this.host.clientWidth >= this.needed(16) ? 16 : 8;
    if (wide === this.wide) return;
    this.wide = wide;
    this.refresh();
    this.reveal();
  },

  // Pixels for so many octets and their letters in a row.
  needed(wide) {
    return ASIDE + wide * (CELL + LETTER) + (wide > 8 ? 12 : 0);
  },

  show(message) {
    Object.assign(this, { message, field: null, peeked: null, cursor: 0 });
    this.tab(message.panes.length - 1);
  },

  get shown() {
    return this.message.panes[this.pane];
  },

  tab(pane) {
    this.pane = pane;
    this.cursor = 0;
    this.byOctet = null;
    byId("tabs").replaceChildren(...this.message.panes.map((one, i) => {
      const button = make("button", {
        type: "button", role: "tab", id: `tab-${i}`, "aria-selected": i === pane ? "true" : "false",
        "aria-controls": "octets-panel", tabindex: i === pane ? "0" : "-1",
      }, one.name, make("small", {}, String(one.size)));
      button.addEventListener("click", () => this.tab(i));
      return button;
    }));
    byId("octets-panel").setAttribute("aria-labelledby", `tab-${pane}`);
    this.host.scrollTop = 0;
    this.refresh();
    this.where();
  },

  other(step = 1) {
    if (!this.message) return;
    const panes = this.message.panes.length;
    this.tab((this.pane + step + panes) % panes);
  },

  refresh() {
    if (!this.message) return;
    const rows = Math.ceil(this.shown.size / this.wide);
    this.host.setAttribute("aria-rowcount", rows);
    this.host.setAttribute("aria-colcount", this.wide);
    this.list.refresh(rows);
    this.announce();
  },

  // For each octet its innermost field, worked out once for a pane.
  fieldAt(at) {
    if (!this.byOctet) {
      this.byOctet = new Array(this.shown.size).fill(null);
      for (const field of this.message.fields) {
        if (field.pane !== this.pane) continue;
        for (let i = field.at; i < field.at + field.size; i++) {
          const there = this.byOctet[i];
          if (!there || there.container || !field.bits) this.byOctet[i] = field;
        }
      }
    }
    return this.byOctet[at] || null;
  },

  // The fields that share an octet as bits come one after the other.
  nextAt(at) {
    const found = this.fieldAt(at);
    if (!found || !found.bits) return found;
    const same = this.message.fields.filter((field) => (
      field.bits && field.pane === this.pane && field.at <= at && at < field.at + field.size
    ));
    return same[(same.indexOf(this.field) + 1) % same.length];
  },

  go(at, choose) {
    if (!this.message || at < 0 || at >= this.shown.size) return;
    this.cursor = at;
    const inside = this.field && this.field.pane === this.pane && !this.field.container
      && at >= this.field.at && at < this.field.at + this.field.size;
    const field = choose || !inside ? this.nextAt(at) : this.field;
    if (field) tell("field", field, "octets");
    else this.paint();
    this.list.reveal(Math.floor(at / this.wide));
    this.where();
  },

  key(event) {
    if (!this.message) return;
    const last = this.shown.size - 1, line = this.cursor - (this.cursor % this.wide);
    const step = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.wide, ArrowUp: -this.wide,
      PageDown: this.wide * this.list.page, PageUp: -this.wide * this.list.page,
    }[event.key];
    let to = step === undefined ? null : this.cursor + step;
    if (event.key === "Home") to = event.ctrlKey ? 0 : line;
    else if (event.key === "End") to = event.ctrlKey ? last : Math.min(last, line + this.wide - 1);
    else if (event.key === "Enter" || event.key === " ") to = this.cursor;
    if (to === null) return;
    event.preventDefault();
    const page = event.key.startsWith("Page");
    if (page) to = Math.min(last, Math.max(0, to));
    this.go(to, to === this.cursor && !page);
  },

  // Mark a field's octets, in the pane that they are in.
  mark(field, from) {
    if (field.pane !== this.pane) this.tab(field.pane);
    this.field = field;
    if (from !== "octets") this.cursor = Math.min(field.at, Math.max(0, this.shown.size - 1));
    this.paint();
    if (from !== "octets") this.reveal();
    this.where();
  },

  reveal() {
    if (!this.field || !this.message) return;
    const end = Math.max(this.field.at, this.field.at + this.field.size - 1);
    if (end - this.field.at < this.wide * this.list.page) this.list.reveal(Math.floor(end / this.wide));
    this.list.reveal(Math.floor(this.field.at / this.wide));
  },

  peek(field) {
    if (field === this.peeked) return;
    this.peeked = field;
    this.paint();
  },

  draw(place) {
    const start = place * this.wide, { hex, size } = this.shown;
    const row = make("div", { class: "octet-row", role: "row", "aria-rowindex": place + 1, "data-row": place });
    row.append(make("span", { class: "offset", role: "rowheader" }, start.toString(16).padStart(4, "0")));
    const text = make("span", { class: "text", "aria-hidden": "true" });
    for (let i = 0; i < this.wide; i++) {
      const at = start + i;
      if (at >= size) { row.append(make("span", { class: i === 8 ? "octet half" : "octet", role: "presentation" })); continue; }
      const two = hex.slice(2 * at, 2 * at + 2), code = parseInt(two, 16);
      const cell = make("span", {
        class: "octet", role: "gridcell", id: `octet-${at}`, "data-at": at, "aria-colindex": i + 1,
      }, two);
      const letter = make("span", { class: "letter", "data-at": at },
        code > 32 && code < 127 ? String.fromCharCode(code) : "·");
      row.append(cell);
      text.append(letter);
      this.dress(cell, letter, at, code);
    }
    row.append(text);
    return row;
  },

  dress(cell, letter, at, code) {
    const within = (field) => field && field.pane === this.pane && at >= field.at && at < field.at + field.size;
    const holder = this.field && (this.field.container ? null : this.field.parent);
    const marked = within(this.field), line = at % this.wide;
    const classes = [code === 0 ? " zero" : "", marked ? " marked" : within(holder) ? " around" : "",
      within(this.peeked) ? " peeked" : "", at === this.cursor ? " cursor" : "",
      marked && (at === this.field.at || line === 0) ? " from" : "",
      marked && (at === this.field.at + this.field.size - 1 || line === this.wide - 1) ? " to" : "",
      line === 8 ? " half" : ""].join("");
    cell.className = `octet${classes}`;
    letter.className = `letter${classes}`;
    if (marked) cell.setAttribute("aria-selected", "true"); else cell.removeAttribute("aria-selected");
  },

  // The marks anew, on the octets that are there.
  paint() {
    for (const row of this.list.drawn.values()) {
      const letters = row.lastChild.children;
      for (const cell of row.children) {
        if (cell.dataset.at === undefined) continue;
        const at = Number(cell.dataset.at);
        this.dress(cell, letters[at % this.wide], at, parseInt(cell.textContent, 16));
      }
    }
    this.announce();
  },

  announce() {
    if (this.message && this.shown.size) this.host.setAttribute("aria-activedescendant", `octet-${this.cursor}`);
    else this.host.removeAttribute("aria-activedescendant");
  },

  where() {
    const { size } = this.shown, field = this.field && this.field.pane === this.pane ? this.field : null;
    const place = size ? `octet ${this.cursor} of ${size}` : "no octets";
    byId("place").textContent = field ? `${place}, ${field.name}` : place;
  },

  copy() {
    if (!this.message) return;
    const { hex } = this.shown, field = this.field && this.field.pane === this.pane ? this.field : null;
    const wanted = field ? hex.slice(2 * field.at, 2 * (field.at + field.size)) : hex;
    const said = (words) => { byId("place").textContent = words; };
    const done = () => said(`${count(wanted.length / 2, "octet")} copied`);
    if (!navigator.clipboard) said("this browser lets no page copy");
    else navigator.clipboard.writeText(wanted).then(done, () => said("the browser has not allowed it"));
  },
};
