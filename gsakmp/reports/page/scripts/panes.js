// The widths of the panes: what suits the capture and the window, until somebody moves a bar.

const LANE = 86, NARROW_LANE = 72; // pixels of a lane, with few and with many of them
const FEW_LANES = 5;
const SCROLLBAR = 12;

const panes = {
  open() {
    document.querySelectorAll(".splitter").forEach((node) => this.splitter(node));
    this.usual();
    window.addEventListener("resize", () => this.usual());
  },

  // The ladder is as wide as its lanes need; the octets have 16 in a row where the fields still have as much room.
  usual() {
    const wide = window.innerWidth, many = Math.min(MOST_LANES, lanes.order.size);
    const needed = GUTTER + BADGES + SCROLLBAR + many * (many > FEW_LANES ? NARROW_LANE : LANE);
    const most = wide * (many > FEW_LANES ? 0.34 : 0.29);
    const ladderWide = Math.round(Math.max(300, wide * 0.24, Math.min(most, needed)));
    const [short, long] = [8, 16].map((octetsInRow) => octets.needed(octetsInRow) + SCROLLBAR);
    const style = byId("panes").style;
    style.setProperty("--ladder-usual", `${ladderWide}px`);
    style.setProperty("--octets-usual", `${wide - ladderWide >= 2 * long ? long : short}px`);
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
