// The ladder: who sends what to whom, from top to bottom.

const LADDER_ROW = 46;
const GUTTER = 62, BADGES = 44; // pixels left and right of the lanes
const BELOW_BADGES = 8; // pixels right of text that stands below the badges
const SHORT_EVENTS = {
  "isakmp-sa-established": "SA established", "isakmp-sa-ended": "SA ended", "rekey-sa-learnt": "Rekey SA",
  "data-sa-learnt": "data SA", "group-joined": "joined", "rolled-over": "new KEK", "keys-followed": "keys followed",
  "sa-deleted": "deleted", error: "error", lost: "frames lost before",
};

const ladder = {
  visible: [], // the rows that filters and search leave
  at: -1, // which of them is looked at

  open() {
    this.host = byId("ladder");
    this.list = new RowList(this.host, LADDER_ROW, (place) => this.draw(place));
    this.host.addEventListener("click", (event) => {
      const row = event.target.closest("[data-place]");
      if (row) this.go(Number(row.dataset.place));
    });
    this.host.addEventListener("keydown", (event) => {
      const to = moved(event, this.at, this.visible.length, this.list.page);
      if (to !== null) { this.go(to); event.preventDefault(); }
      else if (event.key === "Enter") { byId("tree").focus(); event.preventDefault(); }
    });
    new ResizeObserver(() => this.arrange()).observe(this.host);
  },

  show(rows, keep) {
    this.visible = rows;
    lanes.assign(rows);
    this.at = rows.indexOf(keep);
    this.list.refresh(rows.length);
    this.arrange();
    byId("none").hidden = rows.length > 0;
    if (this.at >= 0) this.list.reveal(this.at, 2);
    this.announce();
  },

  x(lane) {
    const wide = this.host.clientWidth - GUTTER - BADGES;
    return GUTTER + (wide * (lane + 0.5)) / Math.max(1, lanes.all.length);
  },

  // Names and lines of the lanes.
  arrange() {
    const width = (this.host.clientWidth - GUTTER - BADGES) / Math.max(1, lanes.all.length);
    byId("lanes").replaceChildren(...lanes.all.map((lane, i) => {
      const node = lanes.head(lane, width - 6);
      node.style.left = `${this.x(i) - width / 2}px`;
      node.style.width = `${width}px`;
      return node;
    }));
    byId("lines").replaceChildren(...lanes.all.map((lane, i) => {
      const node = make("i", { class: isGroup(lane) ? "group" : "" });
      node.style.left = `${this.x(i)}px`;
      return node;
    }));
    this.list.refresh();
  },

  draw(place) {
    const row = this.visible[place], before = this.visible[place - 1];
    const from = lanes.of(row.source), to = lanes.of(row.destination);
    const classes = ["message", `kind-${row.kind}`];
    if (place === this.at) classes.push("current");
    if (before && before.exchange !== row.exchange) classes.push("begins");
    if (row.repeats) classes.push("repeat");
    if (row.failed) classes.push("failed");
    const node = make("div", {
      class: classes.join(" "), role: "option", id: `message-${row.place}`, "data-place": place,
      "aria-selected": place === this.at ? "true" : "false", "aria-setsize": this.visible.length,
      "aria-posinset": place + 1, "aria-label": spoken(row),
    }, make("div", { class: "when" }, make("span", { class: "time" }, clock(row.time)),
      make("small", {}, `#${row.frame || row.number}`)));
    node.append(...this.arrow(row, from, to), make("div", { class: "badges" }, ...badges(row)));
    return node;
  },

  arrow(row, from, to) {
    const a = this.x(from), b = this.x(to), line = make("i", { class: "arrow" });
    const left = Math.min(a, b), right = Math.max(a, b);
    line.classList.add(from === to ? "self" : a < b ? "to-right" : "to-left");
    line.style.left = `${from === to ? a - 9 : left}px`;
    line.style.width = `${from === to ? 18 : right - left}px`;
    const words = row.events.map((tag) => SHORT_EVENTS[tag]).filter(Boolean);
    const [what, which] = parted(row.label);
    const above = make("div", { class: "label" }, make("b", {}, what), which ? make("small", {}, which) : null);
    const below = make("div", { class: "contents" }, make("span", {}, row.contents,
      words.length ? make("em", { class: row.contents ? "after" : "" }, [...new Set(words)].join(", ")) : null));
    // text is centred on its arrow where there is room, else as near to it as it goes
    const middle = (left + right) / 2;
    this.put(above, widthOf(what, "600 12.5px") + widthOf(which, "11px"), middle, BADGES);
    this.put(below, widthOf([row.contents, ...new Set(words)].join(", "), "11px") + 8, middle, BELOW_BADGES);
    return [above, line, below];
  },

  put(node, wanted, middle, right) {
    const room = this.host.clientWidth - right - GUTTER, width = Math.min(room, Math.ceil(wanted) + 2);
    node.style.left = `${Math.max(GUTTER, Math.min(middle - width / 2, GUTTER + room - width))}px`;
    node.style.width = `${width}px`;
  },

  go(place) {
    if (place < 0 || place >= this.visible.length) return;
    const old = this.at;
    this.at = place;
    this.list.redraw(old);
    this.list.redraw(place);
    this.list.reveal(place);
    this.announce();
    tell("message", this.visible[place]);
  },

  announce() {
    const row = this.visible[this.at];
    if (row) this.host.setAttribute("aria-activedescendant", `message-${row.place}`);
    else this.host.removeAttribute("aria-activedescendant");
  },
};

// The label of a push in two: what it is, and under which Rekey SA.
function parted(label) {
  const cut = label.indexOf(" under ");
  return cut < 0 ? [label, ""] : [label.slice(0, cut), label.slice(cut)];
}

// Seconds since the first message.
function clock(nanoseconds) {
  if (nanoseconds < 0) return "";
  const seconds = nanoseconds / 1e9;
  if (seconds < 1000) return seconds.toFixed(3);
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function badges(row) {
  const [right, wrong, unknown] = row.verdicts, out = [];
  if (row.status === "malformed") out.push(sign("malformed"));
  if (row.status === "sealed" || row.status === "wrong key") out.push(sign("sealed", row.status));
  if (wrong) out.push(sign("wrong", count(wrong, "wrong check")));
  else if (right) out.push(sign("right", count(right, "right check")));
  else if (unknown) out.push(sign("unknown"));
  if (row.repeats) out.push(sign("again", `sent again, the same as message ${row.repeats}`));
  return out;
}

// The row for who does not see it.
function spoken(row) {
  const [right, wrong] = row.verdicts;
  return [
    `message ${row.number}`, row.label, `${row.source || "unknown"} to ${row.destination || "unknown"}`,
    row.contents, row.state, wrong ? count(wrong, "wrong check") : "", right ? count(right, "right check") : "",
    row.repeats ? `the same as message ${row.repeats}` : "",
  ].filter(Boolean).join(", ");
}
