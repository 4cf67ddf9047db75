// The head of the message: what it is, from whom to whom, what was checked, and what has happened by it.

const LONG_VALUE = 28; // characters from which on a value may be cut off in the tree

const messageHead = {
  show(message) {
    const { row } = message, host = byId("message-head");
    const facts = make("dl", { class: "facts" });
    const fact = (name, value) => {
      if (value) facts.append(make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", { title: value }, value))));
    };
    fact("SA", row.sa);
    fact("group", row.group);
    fact("member", row.member);
    const bad = row.status === "wrong key" || row.status === "malformed";
    const from = row.sender ? ` from the ${row.sender === "gcks" ? "GCKS" : row.sender}` : "";
    const frame = row.frame ? `frame ${row.frame}` : `message ${row.number}`, what = row.exchangeName + from;
    host.replaceChildren(
      make("div", { class: `title kind-${row.kind}` }, make("h2", {}, parted(row.label)[0]),
        make("span", { class: bad ? "status bad" : "status" }, row.state),
        make("span", { class: "quiet what", title: what }, what)),
      make("p", { class: "ends" }, make("span", {}, make("bdi", {}, this.peer(row.source)), make("span", { class: "quiet" }, " → "),
        make("bdi", {}, this.peer(row.destination)))),
      make("p", { class: "quiet" }, [frame, message.time, count(row.octets, "octet")].filter(Boolean).join(" · ")),
    );
    if (facts.childElementCount) host.append(facts);
    if (message.error) host.append(make("p", { class: "complaint" }, sign("malformed"), message.error));
    if (message.reason) host.append(make("p", { class: "reason" }, message.reason));
    if (message.checks.length) host.append(make("ul", { class: "checks", "aria-label": "Checks" }, ...message.checks.map(check)));
    if (message.events.length) {
      host.append(make("ul", { class: "events", "aria-label": "Events" }, ...message.events.map((one) => this.event(one, row))));
    }
  },

  peer(endpoint) {
    const name = endpoint ? lanes.named(lanes.peer(endpoint)) : "", shown = endpoint.replace(/:0$/, "");
    return name ? `${name}, ${shown}` : shown || "unknown";
  },

  event(event, row) {
    const item = make("li", { class: event.tag });
    if (event.tag === "retransmission") {
      const link = make("button", { type: "button", class: "link" }, event.text);
      link.addEventListener("click", () => tell("jump", row.repeats));
      item.append(sign("again"), link);
    } else if (event.pairs.length) {
      const details = make("details", {}, make("summary", {}, sign("event"), make("span", {}, event.text)),
        make("dl", { class: "pairs" }, ...event.pairs.flatMap(([name, value]) => [
          make("dt", {}, name), make("dd", {}, make("bdi", {}, value)),
        ])));
      item.append(details);
    } else {
      item.append(sign(event.tag === "error" ? "wrong" : "event"), make("span", {}, event.text));
    }
    return item;
  },

  // What is known of the field: the whole value, where it stands, what the definition says.
  about(field) {
    const parts = [];
    if (field) {
      const last = field.at + field.size - 1;
      const where = !field.size ? "no octets" : field.size === 1 ? `octet ${field.at}` : `octets ${field.at} to ${last}`;
      const bits = field.bits
        ? `, bit${field.bits[1] === 1 ? "" : "s"} ${field.bits[0] + field.bits[1] - 1}${field.bits[1] === 1 ? "" : ` to ${field.bits[0]}`}`
        : "";
      parts.push(make("code", {}, field.path || field.name), make("span", { class: "quiet" }, where + bits));
      if (field.text.length > LONG_VALUE) parts.push(make("bdi", { class: "whole" }, field.text));
      if (field.doc) parts.push(make("span", {}, field.doc));
      if (field.problem) parts.push(make("span", { class: "problem" }, field.problem));
    }
    byId("about").hidden = !field;
    byId("about").replaceChildren(...parts);
  },
};

// What is right says so with a sign and its name, and the rest where somebody points; what is not, says why.
function check({ name, passed, detail }) {
  const kind = { 1: "right", 0: "wrong", "-1": "unknown" }[passed];
  const verdict = { right: "right", wrong: "wrong", unknown: "can't be told" }[kind];
  const said = kind === "right" ? [make("span", { class: "unseen" }, [verdict, detail].filter(Boolean).join(", "))]
    : [make("span", { class: "verdict" }, verdict), detail ? make("span", { class: "quiet" }, detail) : null];
  return make("li", { class: `check ${kind}`, title: [name, verdict, detail].filter(Boolean).join(", ") },
    make("b", {}, name), sign(kind, verdict), ...said);
}
