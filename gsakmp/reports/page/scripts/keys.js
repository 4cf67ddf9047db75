// Keys that work from anywhere, the widths of the panes, light and dark.

const THEMES = ["auto", "light", "dark"];

const keys = {
  open() {
    document.addEventListener("keydown", (event) => this.key(event));
    byId("help-open").addEventListener("click", () => byId("help").showModal());
    byId("theme").addEventListener("click", () => this.theme());
    this.theme(memory.read("theme") || "auto");
    document.querySelectorAll(".splitter").forEach((node) => this.splitter(node));
    byId("signs").replaceChildren(...Object.entries(SIGNS).flatMap(([name, [, words]]) => [
      make("dt", {}, sign(name)), make("dd", {}, words),
    ]));
  },

  key(event) {
    if (event.key === "Escape" && !byId("help").open) {
      if (filters.active || byId("search").value) filters.clear();
      byId("ladder").focus();
      return;
    }
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    const action = {
      "/": () => { byId("search").focus(); byId("search").select(); },
      "?": () => byId("help").showModal(),
      1: () => byId("ladder").focus(),
      2: () => byId("tree").focus(),
      3: () => byId("octets").focus(),
      j: () => ladder.go(ladder.at + 1),
      k: () => ladder.go(ladder.at - 1),
      n: () => search.next(1),
      N: () => search.next(-1),
      o: () => octets.other(),
      a: () => tree.all(!tree.everything),
      f: () => byId("by-failure").click(),
      c: () => octets.copy(),
      t: () => this.theme(),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  },

  theme(wanted) {
    const root = document.documentElement;
    const next = wanted || THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    root.dataset.theme = THEMES.includes(next) ? next : "auto";
    byId("theme").textContent = `Theme: ${root.dataset.theme}`;
    memory.write("theme", root.dataset.theme);
  },

  // A bar between two panes, moved by mouse, touch or arrow keys.
  splitter(node) {
    const of = node.dataset.of, way = of === "ladder" ? 1 : -1;
    const width = () => byId(`${of}-pane`).getBoundingClientRect().width;
    const set = (wanted) => {
      const most = window.innerWidth * 0.6, to = Math.round(Math.max(220, Math.min(most, wanted)));
      byId("panes").style.setProperty(`--${of}`, `${to}px`);
      node.setAttribute("aria-valuenow", to);
      memory.write(of, to);
    };
    node.setAttribute("aria-valuemin", 220);
    node.setAttribute("aria-valuemax", Math.round(window.innerWidth * 0.6));
    node.setAttribute("aria-valuenow", Math.round(width()));
    const kept = Number(memory.read(of));
    if (kept) set(kept);
    node.addEventListener("pointerdown", (event) => {
      const from = event.clientX, begin = width();
      node.setPointerCapture(event.pointerId);
      node.onpointermove = (move) => set(begin + way * (move.clientX - from));
      node.onpointerup = () => { node.onpointermove = null; };
      event.preventDefault();
    });
    node.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 24, ArrowLeft: -24 }[event.key];
      if (step) { set(width() + way * step); event.preventDefault(); }
    });
  },
};
