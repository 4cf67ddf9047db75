// Keys that work from anywhere, light and dark.

const THEMES = ["auto", "light", "dark"];

const keys = {
  open() {
    document.addEventListener("keydown", (event) => this.key(event));
    byId("help-open").addEventListener("click", () => byId("help").showModal());
    byId("theme").addEventListener("click", () => this.theme());
    this.theme(memory.read("theme") || "auto");
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
};
