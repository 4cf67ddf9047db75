// The data: an index of all messages, and blocks that are inflated when one of their messages is looked at.

const ROW = [
  "number", "frame", "time", "source", "destination", "kind", "label", "contents", "exchangeName", "sender",
  "status", "failed", "verdicts", "repeats", "events", "sa", "group", "member", "exchange", "octets",
];
const STATES = { clear: "not encrypted" }; // what is told otherwise here; elsewhere "clear" needs more room
const STRIDE = 8; // numbers of a field in a shape
const KEPT_BLOCKS = 96;
const CONTAINER = 1, IMPLIED = 2, SECRET = 4, PANE = 8;

async function inflate(text) {
  const packed = atob(text);
  const octets = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) octets[i] = packed.charCodeAt(i);
  const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const data = {
  rows: [],
  meta: null,
  places: [], // of blocks: where each is, and which messages it has
  kept: new Map(), // the latest used blocks, inflated

  async open() {
    const { rows, meta } = await inflate(byId("index").textContent);
    this.meta = meta;
    this.rows = rows.map((values, place) => {
      const row = { place };
      ROW.forEach((name, i) => { row[name] = values[i]; });
      row.state = STATES[row.status] || row.status;
      return row;
    });
    this.places = [...document.querySelectorAll("script.block")].map((node) => (
      { node, first: Number(node.dataset.first), count: Number(node.dataset.count) }
    ));
  },

  // Which block a message is in.
  blockOf(place) {
    let low = 0, high = this.places.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.places[middle].first <= place) low = middle; else high = middle - 1;
    }
    return low;
  },

  async block(number) {
    let found = this.kept.get(number);
    if (found) this.kept.delete(number);
    else found = await inflate(this.places[number].node.textContent);
    this.kept.set(number, found);
    if (this.kept.size > KEPT_BLOCKS) this.kept.delete(this.kept.keys().next().value);
    return found;
  },

  async message(place) {
    const number = this.blockOf(place);
    const block = await this.block(number);
    return unpacked(block, block.messages[place - this.places[number].first], this.rows[place]);
  },
};

// A message with its fields as objects.
function unpacked(block, entry, row) {
  const [, time, shape, texts, problems, panes, checks, events, error, reason] = entry;
  const text = (i) => block.strings[i];
  const fields = fieldsOf(block, block.shapes[shape], texts);
  for (const [i, problem] of problems) fields[i].problem = text(problem);
  return {
    row, fields,
    time: text(time),
    panes: panes.map(([name, hex]) => ({ name: text(name), hex, size: hex.length / 2 })),
    checks: checks.map(([name, passed, detail]) => ({ name: text(name), passed, detail: text(detail) })),
    events: events.map(([tag, words, pairs]) => (
      { tag: text(tag), text: text(words), pairs: pairs.map(([a, b]) => [text(a), text(b)]) }
    )),
    error: text(error),
    reason: text(reason),
  };
}

function fieldsOf(block, shape, texts) {
  const fields = [], above = [];
  for (let i = 0; i < texts.length; i++) {
    const [depth, name, path, at, size, doc, flags, bits] = shape.slice(i * STRIDE, (i + 1) * STRIDE);
    above.length = depth;
    const parent = depth ? above[depth - 1] : null;
    const own = block.strings[path];
    const joined = parent && (own[0] === "." || own[0] === "[") ? parent.path + own : own;
    const field = {
      place: i, depth, parent, at, size, problem: "", inside: [],
      name: block.strings[name], path: joined, text: block.strings[texts[i]], doc: block.strings[doc],
      container: (flags & CONTAINER) > 0, implied: (flags & IMPLIED) > 0, secret: (flags & SECRET) > 0,
      pane: Math.floor(flags / PANE), bits: bits ? [Math.floor(bits / 256), bits % 256] : null,
    };
    if (parent) parent.inside.push(field);
    above.push(field);
    fields.push(field);
  }
  return fields;
}
