// Small things that every part uses. Text reaches the page as text nodes only: a capture can't bring markup.

const byId = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false || value === "") continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== "") node.append(child);
  return node;
}

// Signs are drawn, so that they look alike wherever the page is opened.
const SIGNS = {
  right: ["M3 8.5l3.2 3.2L13 4.8", "a check that is right"],
  wrong: ["M4 4l8 8M12 4l-8 8", "a check that is wrong"],
  unknown: ["M5.6 6a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.8-1.1 1.7M8 12.4v.2", "a check that can't be made here"],
  sealed: ["M4.5 7.5h7v5.5h-7zM5.8 7.5V5.6a2.2 2.2 0 0 1 4.4 0v1.9", "encrypted, and not opened"],
  malformed: ["M8 2.8l5.8 10.4H2.2zM8 6.6v3.2M8 11.5v.2", "malformed"],
  again: ["M12.6 6.2A5 5 0 1 0 13 9M12.8 3v3.4H9.4", "sent again"],
  event: ["M8 5a3 3 0 1 0 .01 0", "something happened by this message"],
};

function sign(name, title) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `sign ${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SIGNS[name][0]);
  svg.append(path);
  const label = document.createElementNS(space, "title");
  label.textContent = title || SIGNS[name][1];
  svg.prepend(label);
  return svg;
}

function count(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

// Messages and ESP packets, each told for itself; `of` are all of those that these rows are of.
function counted(rows, of = null) {
  const packets = rows.filter((row) => row.kind === "esp").length;
  const all = of && of.filter((row) => row.kind === "esp").length;
  const part = (number, whole, what) => (
    whole === null || whole === number ? count(number, what) : `${number.toLocaleString("en")} of ${count(whole, what)}`
  );
  const parts = [];
  if (rows.length > packets || !packets || (of && of.length > all)) {
    parts.push(part(rows.length - packets, of && of.length - all, "message"));
  }
  if (packets || all) parts.push(part(packets, all, "ESP packet"));
  return parts.join(parts.length > 1 && parts.some((text) => text.includes(" of ")) ? ", " : " and ");
}

// How wide a text is in the page's face, in pixels.
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

// What is remembered between two openings; some browsers keep nothing for files.
const memory = {
  read(name) {
    try { return localStorage.getItem(`gsakmp-view-${name}`); } catch { return null; }
  },
  write(name, value) {
    try { localStorage.setItem(`gsakmp-view-${name}`, value); } catch { /* then not */ }
  },
};

// Parts tell one another what has happened through here, and know nothing else of each other.
const listeners = new Map();
const when = (event, action) => {
  if (!listeners.has(event)) listeners.set(event, []);
  listeners.get(event).push(action);
};
const tell = (event, ...values) => (listeners.get(event) || []).forEach((action) => action(...values));
