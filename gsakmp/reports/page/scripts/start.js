// What connects the parts, and the beginning.

const view = {
  ready: Promise.resolve(),
  wanted: -1, // the message that is to be shown, while its block is inflated

  show(row) {
    this.wanted = row.place;
    this.ready = data.message(row.place).then((message) => {
      if (this.wanted !== row.place) return;
      search.prepare(message);
      messageHead.show(message);
      messageHead.about(null);
      octets.show(message);
      tree.show(message);
      this.remember();
    });
  },

  field(field, from) {
    messageHead.about(field); // first: it takes room from the tree
    tree.select(field);
    octets.mark(field, from);
    this.remember();
  },

  // The address of the page says what is looked at, so that it can be told to somebody.
  remember() {
    const row = data.rows[this.wanted];
    const hash = tree.selected ? `#${row.number}/${encodeURIComponent(tree.selected.path)}` : `#${row.number}`;
    try { history.replaceState(null, "", hash); } catch { /* some browsers don't, for files */ }
  },

  async recall() {
    const [, number, path] = /^#(\d+)(?:\/(.*))?$/.exec(location.hash) || [];
    const place = number ? ladder.visible.findIndex((row) => row.number === Number(number)) : 0;
    ladder.go(Math.max(0, place));
    await this.ready;
    if (!path || !tree.message) return;
    let wanted = "";
    try { wanted = decodeURIComponent(path); } catch { return; }
    const field = tree.message.fields.find((one) => one.path === wanted);
    if (field) this.field(field, "hash");
  },

  refilter() {
    const before = ladder.visible[ladder.at], rows = filters.rows();
    ladder.show(rows, before);
    byId("counts").textContent = counted(rows, data.rows);
    byId("clear").hidden = !filters.active && !search.found;
    if (rows.length && ladder.at < 0) ladder.go(search.nearest(rows));
    else if (tree.message) { search.prepare(tree.message); tree.refresh(); }
  },
};

function caution({ written, notes, made }) {
  const { decrypted, keyed, messages, packets } = written, opened = written.packets_decrypted;
  const banner = byId("banner");
  banner.hidden = !decrypted && !opened && !keyed;
  const parts = [];
  if (decrypted) parts.push(`${decrypted.toLocaleString("en")} of ${count(messages, "message")}`);
  if (opened) parts.push(`${opened.toLocaleString("en")} of ${count(packets, "ESP packet")}`);
  const what = parts.length ? `This file holds decrypted traffic: ${parts.join(", ")}` : "This file holds traffic that was never encrypted";
  const keysToo = keyed ? `, with keys in ${keyed.toLocaleString("en")}` : "";
  banner.textContent = `${what}${keysToo}. Keep it as you would keep the keys.`;
  banner.title = banner.textContent;
  byId("notes").hidden = !notes.length;
  byId("notes").textContent = notes.join(" ");
  byId("made").textContent = `Made by ${made}.`;
}

async function start() {
  if (!window.DecompressionStream) {
    byId("counts").textContent = "This browser is too old for this page: it can't inflate the data.";
    return;
  }
  await data.open();
  caution(data.meta);
  for (const part of [lanes, ladder, tree, octets, filters, search, panes, keys]) part.open();
  when("message", (row) => view.show(row));
  when("field", (field, from) => view.field(field, from));
  when("peek", (field) => octets.peek(field && tree.message ? field : null));
  when("filter", () => view.refilter());
  when("search", () => view.refilter());
  when("jump", (number) => {
    let place = ladder.visible.findIndex((row) => row.number === number);
    if (place < 0) { filters.clear(); place = ladder.visible.findIndex((row) => row.number === number); }
    ladder.go(place);
  });
  ladder.show(data.rows, null);
  view.refilter();
  await view.recall();
  await view.ready;
  byId("ladder").focus();
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  byId("counts").textContent = `This page is damaged: ${error.message}`;
  throw error;
});
