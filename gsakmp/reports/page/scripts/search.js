// Search: in the index at once, in the blocks one after the other while the page stays usable.

const HEX_LEAST = 4; // digits from which on a word may be octets
const INDEXED = [
  "label", "contents", "exchangeName", "source", "destination", "sender", "state", "sa", "group", "member", "kind",
];

const search = {
  words: [],
  found: null, // places of messages that have all words; null without a search
  running: 0,
  from: 0, // place of the message that was looked at when the search began

  open() {
    let timer = 0;
    byId("search").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.run(byId("search").value), 150);
    });
    byId("search").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      clearTimeout(timer);
      if (byId("search").value !== this.asked) this.run(byId("search").value);
      else this.next(event.shiftKey ? -1 : 1);
    });
  },

  async run(asked) {
    const mine = ++this.running, current = ladder.visible[ladder.at];
    this.asked = asked;
    if (!this.words.length && current) this.from = current.place;
    this.words = parsed(asked);
    if (!this.words.length) {
      this.found = null;
      this.say("", asked);
      tell("search");
      return;
    }
    const found = new Set();
    let told = performance.now();
    for (let number = 0; number < data.places.length; number++) {
      const block = await data.block(number);
      if (mine !== this.running) return;
      this.inBlock(block, data.places[number].first, found);
      if (performance.now() - told > 200) {
        this.say(`searching, ${Math.round((100 * number) / data.places.length)} %`);
        told = performance.now();
        await new Promise((resolve) => { setTimeout(resolve); });
      }
    }
    if (mine !== this.running) return;
    this.found = found;
    this.say(found.size ? counted([...found].map((place) => data.rows[place])) : "not found");
    tell("search");
    await this.first();
    if (mine === this.running) this.say(byId("found").textContent, asked);
  },

  // Mark the first find of the message that is shown; `run` has led to one that has any.
  async first() {
    const mine = this.running;
    await view.ready;
    if (mine !== this.running || !this.found.size || !tree.message || !this.found.has(tree.message.row.place)) return;
    const field = tree.message.fields.find((one) => this.hit(one));
    if (field) tell("field", field, "search");
  },

  // Which of these rows to look at, when the one that was is not among them.
  nearest(rows) {
    return Math.max(0, rows.findIndex((row) => row.place >= this.from));
  },

  // `done` is the query that the words are the answer to, if they are one.
  say(words, done) {
    byId("found").textContent = words;
    if (done !== undefined) byId("search").dataset.done = done;
  },

  // Words are looked for in a block's texts once, and then only their places in its messages.
  inBlock(block, first, found) {
    if (!block.lower) block.lower = block.strings.map((text) => text.toLowerCase());
    const hits = this.words.map((word) => ({
      word,
      texts: new Set(places(block.lower, word.text)),
      names: word.name ? new Set(places(block.lower, word.name)) : null,
    }));
    block.messages.forEach((entry, i) => {
      const row = data.rows[first + i];
      if (hits.every((hit) => inIndex(row, hit.word) || inEntry(block, entry, hit))) found.add(row.place);
    });
  },

  // Whether a field of the message that is shown is one that was looked for.
  hit(field) {
    if (!this.words.length) return false;
    if (!this.octetHits) this.octetHits = new Set();
    return this.octetHits.has(field) || this.words.some((word) => {
      const text = field.text.toLowerCase(), name = field.name.toLowerCase();
      return word.name ? name.includes(word.name) && text.includes(word.text)
        : text.includes(word.text) || name.includes(word.text);
    });
  },

  // The fields in which octets were found that no text shows: values are shortened there.
  prepare(message) {
    this.octetHits = new Set();
    for (const word of this.words.filter((one) => one.hex)) {
      message.panes.forEach((pane, number) => {
        for (let at = pane.hex.indexOf(word.hex); at >= 0; at = pane.hex.indexOf(word.hex, at + 1)) {
          if (at % 2) continue;
          const field = innermost(message.fields, number, at / 2, word.hex.length / 2);
          if (field) this.octetHits.add(field);
        }
      });
    }
  },

  // The next find: in this message, or in the next one that has any.
  async next(step) {
    if (!this.found || !this.found.size) return;
    const fields = tree.message ? tree.message.fields.filter((field) => this.hit(field)) : [];
    const at = tree.selected ? tree.selected.place : step > 0 ? -1 : Infinity;
    const here = step > 0 ? fields.find((field) => field.place > at) : fields.findLast((field) => field.place < at);
    const current = ladder.visible[ladder.at];
    if (here && current && this.found.has(current.place)) { tell("field", here, "search"); return; }
    const many = ladder.visible.length;
    if (!many) return;
    ladder.go((ladder.at + step + many) % many);
    await view.ready;
    const others = tree.message.fields.filter((field) => this.hit(field));
    const first = step > 0 ? others[0] : others[others.length - 1];
    if (first) tell("field", first, "search");
  },
};

// The words of a query; name=value is about one field.
function parsed(text) {
  const words = [];
  for (const [, quoted, bare] of text.toLowerCase().matchAll(/"([^"]*)"?|(\S+)/g)) {
    const word = quoted === undefined ? bare : quoted;
    if (!word) continue;
    const cut = quoted === undefined ? word.indexOf("=") : -1;
    const digits = word.replace(/^0x/, "").replace(/:/g, "");
    const hex = digits.length >= HEX_LEAST && digits.length % 2 === 0 && /^[0-9a-f]+$/.test(digits) ? digits : "";
    words.push(cut > 0 ? { name: word.slice(0, cut), text: word.slice(cut + 1), hex: "" } : { name: "", text: word, hex });
  }
  return words;
}

function places(texts, word) {
  const out = [];
  texts.forEach((text, i) => { if (text.includes(word)) out.push(i); });
  return out;
}

function inIndex(row, word) {
  if (word.name) return false;
  if (INDEXED.some((name) => row[name].toLowerCase().includes(word.text))) return true;
  return [row.source, row.destination].some((end) => lanes.named(lanes.peer(end)).toLowerCase().includes(word.text));
}

function inEntry(block, entry, { word, texts, names }) {
  const [, , shapeAt, values, problems, panes, checks, events, error, reason] = entry;
  const shape = block.shapes[shapeAt], nameOf = (i) => shape[i * STRIDE + 1];
  if (names) return values.some((text, i) => texts.has(text) && names.has(nameOf(i)));
  if (values.some((text, i) => texts.has(text) || texts.has(nameOf(i)))) return true;
  if (texts.has(error) || texts.has(reason) || problems.some(([, text]) => texts.has(text))) return true;
  if (checks.some(([name, , detail]) => texts.has(name) || texts.has(detail))) return true;
  if (events.some(([, text, pairs]) => texts.has(text) || pairs.some((pair) => texts.has(pair[1])))) return true;
  return word.hex !== "" && panes.some(([, hex]) => aligned(hex, word.hex));
}

// Whether octets, not halves of them, are in a text of hex digits.
function aligned(hex, wanted) {
  for (let at = hex.indexOf(wanted); at >= 0; at = hex.indexOf(wanted, at + 1)) if (at % 2 === 0) return true;
  return false;
}

// The smallest field that octets lie in.
function innermost(fields, pane, at, size) {
  let found = null;
  for (const field of fields) {
    if (field.pane === pane && field.at <= at && at + size <= field.at + field.size
      && (!found || field.size <= found.size)) found = field;
  }
  return found;
}
