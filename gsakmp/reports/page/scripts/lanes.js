// The lanes of the ladder: which peers there are, what they are called, which of them have a lane of their own.

const MOST_LANES = 7;
const OTHERS = " others"; // no address has a blank

const hostOf = (endpoint) => {
  const cut = endpoint.lastIndexOf(":");
  return (cut < 0 ? endpoint : endpoint.slice(0, cut)).replace(/^\[|\]$/g, "");
};
const isAddress = (text) => /^\d+\.\d+\.\d+\.\d+$/.test(text);

function isGroup(peer) {
  const first = Number(peer.split(".")[0]);
  return (peer.includes(".") && first >= 224 && first <= 239) || /^ff[0-9a-f]{2}:/.test(peer);
}

// The first form of a name that fits, or the last one.
function fitting(forms, width, font) {
  return forms.find((form) => widthOf(form, font) <= width) || forms[forms.length - 1];
}

const lanes = {
  all: [], // from left to right
  order: new Map(), // of peers: as the capture brings them, whatever is filtered
  together: new Set(), // peers that share the lane of the others

  open() {
    this.senders = new Map(Object.entries(data.meta.senders));
    this.shared = new Set(data.rows.filter((row) => row.source && hostOf(row.source) === hostOf(row.destination))
      .map((row) => hostOf(row.source)));
    this.names = this.identities();
    this.heard = new Map(); // of multicast addresses: what goes there
    this.groups = new Map(); // and for which groups
    for (const row of data.rows) {
      for (const end of [row.source, row.destination]) {
        const peer = this.peer(end);
        if (!this.order.has(peer)) this.order.set(peer, this.order.size);
      }
      const to = this.peer(row.destination);
      if (!isGroup(to)) continue;
      if (!this.heard.has(to)) { this.heard.set(to, new Set()); this.groups.set(to, new Set()); }
      this.heard.get(to).add(row.kind);
      if (row.group) this.groups.get(to).add(row.group);
    }
  },

  // A peer is an address; where several share one (a test on one host), an address with its port. Data that a
  // member sends from yet another port is that member's.
  peer(endpoint) {
    const host = hostOf(endpoint);
    return this.shared.has(host) ? this.senders.get(endpoint) || endpoint : host;
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

  // A lane for each peer of these rows; with too many of them, one for all that say less than the others.
  assign(rows) {
    const counts = new Map();
    for (const row of rows) {
      for (const end of [row.source, row.destination]) {
        const peer = this.peer(end);
        counts.set(peer, (counts.get(peer) || 0) + 1);
      }
    }
    let found = [...counts.keys()].sort((a, b) => this.order.get(a) - this.order.get(b));
    this.together = new Set();
    if (found.length > MOST_LANES) {
      const busy = [...found].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, MOST_LANES - 1);
      this.together = new Set(found.filter((lane) => !busy.includes(lane)));
      found = [...found.filter((lane) => busy.includes(lane)), OTHERS];
    }
    this.all = [...found.filter((lane) => !isGroup(lane)), ...found.filter(isGroup)];
    this.places = new Map(this.all.map((lane, i) => [lane, i]));
  },

  of(endpoint) {
    const peer = this.peer(endpoint);
    return this.places.get(this.together.has(peer) ? OTHERS : peer);
  },

  // What a multicast address is there for.
  purpose(group) {
    const kinds = this.heard.get(group) || new Set();
    if (kinds.has("push")) return kinds.has("esp") ? "group" : "rekey";
    return kinds.has("esp") ? "data" : "multicast";
  },

  head(lane, width) {
    if (lane === OTHERS) {
      const title = `${this.together.size} others`;
      return laneHead(title, fitting([title, `+${this.together.size}`], width, "600 12.5px"), "");
    }
    const address = lane || "unknown", host = hostOf(address), name = this.named(lane);
    const short = host === address ? `…${host.split(".").slice(2).join(".")}` : address.slice(address.lastIndexOf(":"));
    const places = [address, ...(isAddress(host) ? [short] : [])];
    if (isGroup(lane)) {
      const groups = [...this.groups.get(lane) || []].slice(0, 3).map((group) => `, group ${group}`).join("");
      const purpose = this.purpose(lane);
      return laneHead(`${purpose === "multicast" || purpose === "group" ? "" : `${purpose}, `}multicast to ${address}${groups}`,
        fitting([purpose, ...(purpose === "multicast" ? ["mcast"] : [])], width, "600 12.5px"),
        fitting(places, width, "11px"));
    }
    if (!name) return laneHead(address, fitting(places, width, "600 12.5px"), "");
    return laneHead(`${name}, ${address}`, fitting([name, ...(isAddress(name) ? [] : [name.split(".")[0]])], width, "600 12.5px"),
      fitting(places, width, "11px"));
  },
};

function laneHead(title, above, below) {
  return make("div", { class: "lane", title }, make("b", {}, above), make("small", {}, below));
}
