// The ladder: who sends what to whom, from top to bottom.

const LADDER_ROW = 46;
const GUTTER = 66, BADGES = 50; // pixels left and right of the lanes
const MOST_LANES = 7;
const SHORT_EVENTS = {
  "isakmp-sa-established": "SA established", "isakmp-sa-ended": "SA ended", "rekey-sa-learnt": "Rekey SA",
  "data-sa-learnt": "data SA", "group-joined": "joined", "rolled-over": "new KEK", "keys-followed": "LKH followed",
  "sa-deleted": "deleted", error: "error", lost: "frames lost before",
};
const OTHERS = " others"; // no address has a blank

const hostOf = (endpoint) => {
  const cut = endpoint.lastIndexOf(":");
  return (cut < 0 ? endpoint : endpoint.slice(0, cut)).replace(/^\[|\]$/g, "");
};

const ladder = {
  visible: [], // the rows that filters and search leave
  at: -1, // which of them is looked at
  lanes: [],
  laneOf: new Map(),

  open() {
    this.host = byId("ladder");
    this.shared = new Set(data.rows.filter((row) => row.source && hostOf(row.source) === hostOf(row.destination))
      .map((row) => hostOf(row.source)));
    this.names = this.identities();
    this.order = new Map(); // of lanes: as the capture brings them, whatever is filtered
    for (const row of data.rows) {
      for (const end of [row.source, row.destination]) {
        const peer = this.peer(end);
        if (!this.order.has(peer)) this.order.set(peer, this.order.size);
      }
    }
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

  // A peer is an address; where several share one (a test on one host), an address with its port.
  peer(endpoint) {
    const host = hostOf(endpoint);
    return this.shared.has(host) ? endpoint : host;
  },

  // Peers by what they call themselves, where all of one address say the same.
  identities() {
    const found = new Map();
    for (const [endpoint, identity] of Object.entries(data.meta.names)) {
      const peer = this.peer(endpoint);
      found.set(peer, found.has(peer) && found.get(peer) !== identity ? "" : identity);
    }
    return found;
  },

  named(peer) {
    const identity = this.names.get(peer) || "";
    const name = identity.slice(identity.indexOf(":") + 1);
    return name === peer ? "" : name;
  },

  show(rows, keep) {
    this.visible = rows;
    this.assign();
    this.at = rows.indexOf(keep);
    this.list.refresh(rows.length);
    this.arrange();
    byId("none").hidden = rows.length > 0;
    if (this.at >= 0) this.list.reveal(this.at, 2);
    this.announce();
  },

  // A lane for each peer; with too many of them, one for all that say less than the others.
  assign() {
    const counts = new Map();
    for (const row of this.visible) {
      for (const end of [row.source, row.destination]) {
        const peer = this.peer(end);
        counts.set(peer, (counts.get(peer) || 0) + 1);
      }
    }
    let lanes = [...counts.keys()].sort((a, b) => this.order.get(a) - this.order.get(b));
    this.together = new Set();
    if (lanes.length > MOST_LANES) {
      const busy = [...lanes].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, MOST_LANES - 1);
      this.together = new Set(lanes.filter((lane) => !busy.includes(lane)));
      lanes = [...lanes.filter((lane) => busy.includes(lane)), OTHERS];
    }
    const groups = lanes.filter(isGroup);
    this.lanes = [...lanes.filter((lane) => !isGroup(lane)), ...groups];
    this.laneOf = new Map(this.lanes.map((lane, i) => [lane, i]));
  },

  lane(endpoint) {
    const peer = this.peer(endpoint);
    return this.laneOf.get(this.together.has(peer) ? OTHERS : peer);
  },

  x(lane) {
    const wide = this.host.clientWidth - GUTTER - BADGES;
    return GUTTER + (wide * (lane + 0.5)) / Math.max(1, this.lanes.length);
  },

  // Names and lines of the lanes.
  arrange() {
    const width = (this.host.clientWidth - GUTTER - BADGES) / Math.max(1, this.lanes.length);
    byId("lanes").replaceChildren(...this.lanes.map((lane, i) => {
      const node = this.laneHead(lane, width - 6);
      node.style.left = `${this.x(i) - width / 2}px`;
      node.style.width = `${width}px`;
      return node;
    }));
    byId("lines").replaceChildren(...this.lanes.map((lane, i) => {
      const node = make("i", { class: isGroup(lane) ? "group" : "" });
      node.style.left = `${this.x(i)}px`;
      return node;
    }));
    this.list.refresh();
  },

  laneHead(lane, width) {
    if (lane === OTHERS) {
      const title = `${this.together.size} others`;
      return make("div", { class: "lane", title }, make("b", {}, fitting([title, `+${this.together.size}`], width, "600 12.5px")));
    }
    const name = this.named(lane), address = lane || "unknown", host = hostOf(address);
    const title = name ? `${name}, ${address}` : address;
    const forms = name ? [name, ...(isAddress(name) ? [] : [name.split(".")[0]])] : [];
    const port = address.slice(address.lastIndexOf(":"));
    const short = host === address ? `…${host.split(".").slice(2).join(".")}` : port;
    if (!name) forms.push(address, ...(isAddress(host) ? [short] : []));
    const below = isGroup(lane) ? ["multicast", "mcast"] : name ? [address, ...(host === address ? [] : [port])] : [""];
    return make("div", { class: "lane", title }, make("b", {}, fitting(forms, width, "600 12.5px")),
      make("small", {}, fitting(below, width, "11px")));
  },

  draw(place) {
    const row = this.visible[place], before = this.visible[place - 1];
    const from = this.lane(row.source), to = this.lane(row.destination);
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
    const above = make("div", { class: "label" }, make("b", {}, row.label));
    const below = make("div", { class: "contents" }, make("span", {}, row.contents,
      words.length ? make("em", { class: row.contents ? "after" : "" }, [...new Set(words)].join(", ")) : null));
    // text is centred on its arrow where there is room, else as near to it as it goes
    const middle = (left + right) / 2;
    this.put(above, widthOf(row.label, "600 12.5px"), middle);
    this.put(below, widthOf([row.contents, ...new Set(words)].join(", "), "11px") + 8, middle);
    return [above, line, below];
  },

  put(node, wanted, middle) {
    const room = this.host.clientWidth - BADGES - GUTTER, width = Math.min(room, Math.ceil(wanted) + 2);
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

const isAddress = (text) => /^\d+\.\d+\.\d+\.\d+$/.test(text);

// The first form of a name that fits, or the last one.
function fitting(forms, width, font) {
  return forms.find((form) => widthOf(form, font) <= width) || forms[forms.length - 1];
}

function isGroup(peer) {
  const first = Number(peer.split(".")[0]);
  return (peer.includes(".") && first >= 224 && first <= 239) || /^ff[0-9a-f]{2}:/.test(peer);
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
    row.contents, row.status, wrong ? count(wrong, "wrong check") : "", right ? count(right, "right check") : "",
    row.repeats ? `the same as message ${row.repeats}` : "",
  ].filter(Boolean).join(", ");
}
