// Filters: by exchange, peer, status, and what has failed. All must fit.

const MOST_PEERS = 1000; // that the choice lists; search finds the others
const KINDS = {
  main: "Main Mode", aggressive: "Aggressive Mode", quick: "Quick Mode", informational: "Informational",
  pull: "GROUPKEY-PULL", push: "GROUPKEY-PUSH", ack: "GROUPKEY-PUSH ACK", esp: "ESP", other: "other",
};

const filters = {
  open() {
    const kinds = tally(data.rows, (row) => [row.kind]);
    const states = tally(data.rows, (row) => [row.status]);
    const peers = tally(data.rows, (row) => new Set([lanes.peer(row.source), lanes.peer(row.destination)]));
    const busy = [...peers].sort((a, b) => b[1] - a[1]).slice(0, MOST_PEERS);
    choices("by-exchange", "All exchanges", Object.keys(KINDS).filter((kind) => kinds.has(kind))
      .map((kind) => [kind, `${KINDS[kind]} (${kinds.get(kind)})`]));
    choices("by-peer", "All peers", busy.filter(([peer]) => peer).map(([peer, many]) => {
      const name = lanes.named(peer);
      return [peer, `${name ? `${name}, ${peer}` : peer} (${many})`];
    }));
    choices("by-status", "Any status", [...states].map(([state, many]) => [state, `${STATES[state] || state} (${many})`]));
    for (const id of ["by-exchange", "by-peer", "by-status", "by-failure"]) {
      byId(id).addEventListener("change", () => tell("filter"));
    }
    byId("clear").addEventListener("click", () => this.clear());
  },

  get active() {
    return ["by-exchange", "by-peer", "by-status"].some((id) => byId(id).value) || byId("by-failure").checked;
  },

  clear() {
    for (const id of ["by-exchange", "by-peer", "by-status"]) byId(id).value = "";
    byId("by-failure").checked = false;
    byId("search").value = "";
    search.run("");
    tell("filter");
  },

  rows() {
    const kind = byId("by-exchange").value, peer = byId("by-peer").value, status = byId("by-status").value;
    const failed = byId("by-failure").checked;
    return data.rows.filter((row) => (
      (!kind || row.kind === kind)
      && (!status || row.status === status)
      && (!failed || row.failed)
      && (!peer || lanes.peer(row.source) === peer || lanes.peer(row.destination) === peer)
      && (!search.found || search.found.has(row.place))
    ));
  },
};

function tally(rows, values) {
  const out = new Map();
  for (const row of rows) for (const value of values(row)) out.set(value, (out.get(value) || 0) + 1);
  return out;
}

function choices(id, all, options) {
  byId(id).replaceChildren(new Option(all, ""), ...options.map(([value, text]) => new Option(text, value)));
}
