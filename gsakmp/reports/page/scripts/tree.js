// The fields of the message as a tree.

const TREE_ROW = 25;
const WIDEST_NAME = 210; // pixels of the column of names, so that values stand below one another

const tree = {
  message: null,
  rows: [], // the fields in sight, if nothing scrolled
  closed: new Set(["0:header"]), // by pane and path, the same for all messages
  everything: false,
  selected: null,

  open() {
    this.host = byId("tree");
    this.list = new RowList(this.host, TREE_ROW, (place) => this.draw(place));
    this.host.addEventListener("click", (event) => {
      const node = event.target.closest("[data-place]");
      if (!node) return;
      const field = this.rows[Number(node.dataset.place)];
      if (event.target.closest(".twisty")) this.toggle(field);
      tell("field", field, "tree");
    });
    this.host.addEventListener("dblclick", (event) => {
      const node = event.target.closest("[data-place]");
      if (node && !event.target.closest(".twisty")) this.toggle(this.rows[Number(node.dataset.place)]);
    });
    this.host.addEventListener("mouseover", (event) => {
      const node = event.target.closest("[data-place]");
      tell("peek", node ? this.rows[Number(node.dataset.place)] : null);
    });
    this.host.addEventListener("mouseleave", () => tell("peek", null));
    this.host.addEventListener("keydown", (event) => this.key(event));
    byId("everything").addEventListener("change", (event) => this.all(event.target.checked));
  },

  all(everything) {
    this.everything = everything;
    byId("everything").checked = everything;
    this.refresh();
  },

  show(message) {
    this.message = message;
    this.selected = null;
    this.host.scrollTop = 0;
    this.refresh();
  },

  key(event) {
    const at = this.rows.indexOf(this.selected), field = this.selected;
    const to = moved(event, at, this.rows.length, this.list.page);
    if (to !== null) tell("field", this.rows[to], "tree");
    else if (event.key === "*") { this.closed.clear(); this.refresh(); }
    else if (!field) return;
    else if (event.key === "Enter" || event.key === " ") this.toggle(field);
    else if (event.key === "ArrowRight") this.inward(field);
    else if (event.key === "ArrowLeft") this.outward(field);
    else return;
    event.preventDefault();
  },

  inward(field) {
    if (!this.opens(field)) return;
    if (this.isClosed(field)) this.toggle(field);
    else tell("field", this.rows[this.rows.indexOf(field) + 1], "tree");
  },

  outward(field) {
    if (this.opens(field) && !this.isClosed(field)) this.toggle(field);
    else if (field.parent) tell("field", field.parent, "tree");
  },

  name(field) {
    return `${field.pane}:${field.path}`;
  },

  isClosed(field) {
    return this.closed.has(this.name(field));
  },

  toggle(field) {
    if (!this.opens(field)) return;
    const name = this.name(field);
    if (!this.closed.delete(name)) this.closed.add(name);
    this.refresh();
  },

  // Whether a field has its row: not if it says nothing of its own, unless it is the one that is looked at.
  tells(field) {
    return this.everything || !field.implied || field.problem !== "" || field === this.selected;
  },

  opens(field) {
    return field.inside.some((inner) => this.tells(inner) || this.opens(inner));
  },

  refresh() {
    this.rows = [];
    this.columns = new Map();
    for (const field of this.message ? this.message.fields : []) {
      if (field.depth === 0) this.gather(field);
    }
    this.list.refresh(this.rows.length);
    this.announce();
  },

  gather(field) {
    if (!this.tells(field) && !this.opens(field)) return;
    this.rows.push(field);
    if (!this.isClosed(field)) field.inside.forEach((inner) => this.gather(inner));
  },

  // Make a field the one that is looked at, wherever it is.
  select(field) {
    const anew = (this.selected && this.selected.implied) || (field && field.implied);
    const old = this.rows.indexOf(this.selected);
    this.selected = field;
    let opened = false;
    for (let above = field && field.parent; above; above = above.parent) {
      opened = this.closed.delete(this.name(above)) || opened;
    }
    if (anew || opened) this.refresh();
    else { this.list.redraw(old); this.list.redraw(this.rows.indexOf(field)); }
    const place = this.rows.indexOf(field);
    if (place >= 0) this.list.reveal(place, 2);
    this.announce();
  },

  announce() {
    const there = this.selected && this.rows.includes(this.selected);
    if (there) this.host.setAttribute("aria-activedescendant", `field-${this.selected.place}`);
    else this.host.removeAttribute("aria-activedescendant");
  },

  // The width of the names beside a field: of those with values in the same container.
  column(field) {
    const beside = field.parent ? field.parent.inside : [];
    if (!beside.length) return 0;
    if (this.columns.has(field.parent)) return this.columns.get(field.parent);
    const names = new Set(beside.filter((one) => one.text && this.tells(one)).slice(0, 200).map((one) => one.name));
    const width = Math.min(WIDEST_NAME, Math.ceil(Math.max(0, ...[...names].map((name) => widthOf(name, "13.5px")))));
    this.columns.set(field.parent, width);
    return width;
  },

  draw(place) {
    const field = this.rows[place], opens = this.opens(field), current = field === this.selected;
    const title = field.container && !field.text;
    const classes = ["field", title ? "holder" : "leaf"];
    if (current) classes.push("current");
    if (field.implied) classes.push("implied");
    if (search.hit(field)) classes.push("hit");
    const siblings = field.parent ? field.parent.inside : this.message.fields.filter((one) => one.depth === 0);
    const node = make("div", {
      class: classes.join(" "), role: "treeitem", id: `field-${field.place}`, "data-place": place,
      "aria-level": field.depth + 1, "aria-selected": current ? "true" : "false",
      "aria-setsize": siblings.length, "aria-posinset": siblings.indexOf(field) + 1,
      "aria-expanded": opens ? (this.isClosed(field) ? "false" : "true") : null,
    });
    node.append(make("span", { class: opens ? "twisty" : "no-twisty", "aria-hidden": "true" }),
      make("span", { class: "name" }, field.name));
    if (field.text) node.append(make("bdi", { class: field.secret ? "value secret" : "value", title: field.text }, field.text));
    if (title && field.doc) node.append(make("span", { class: "doc" }, field.doc));
    if (field.container && field.text && field.doc) node.append(make("span", { class: "doc" }, field.doc));
    if (field.problem) node.append(make("span", { class: "problem", title: field.problem }, field.problem));
    if (field.text) node.children[1].style.minWidth = `${this.column(field)}px`;
    node.style.paddingLeft = `${8 + field.depth * 16}px`;
    return node;
  },
};
