// The picture of one turn: status, facts, thinking, tools, answer, Cancel.
import { attempt, cost, elapsed, moment, seconds, tokens, waitLeft } from "./format.js";
import { drawMarkdown } from "./markdown.js";
import { ENDED } from "./streams.js";

const OFFER_INTERRUPT_MS = 1500;
const TICK_MS = 100;

const WORDS = {
  queued: "queued", running: "waiting", streaming: "streaming", thinking: "thinking", retrying: "retrying",
  canceling: "canceling", completed: "completed", failed: "failed", canceled: "canceled", disconnected: "disconnected",
};

function make(tag, name, parent, attributes = {}) {
  const node = document.createElement(tag);
  node.className = name;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent?.append(node);
  return node;
}

// Touch the page only where something changed: screen readers announce, and browsers lay out, every touch.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

function say(node, attribute, value) {
  if (node.getAttribute(attribute) !== value) node.setAttribute(attribute, value);
}

export class TurnElement {
  constructor(stream, actions) {
    this.stream = stream;
    this.actions = actions;
    this.visible = true;
    this.state = "live"; // live | disconnected
    this.canceling = false;
    this.offered = false;
    this.interrupting = false;
    this.failedInterrupt = false;
    this.cell = null;
    this.#build();
    this.#keepFocus();
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.observer = new IntersectionObserver(
      (entries) => {
        this.visible = entries[entries.length - 1].isIntersecting;
        if (this.visible) this.actions.visible(this);
      },
      // A little beyond the edge: of the window, and of what scrolls in it, which is where notebooks are.
      { rootMargin: "200px", scrollMargin: "200px" },
    );
    this.observer.observe(this.root);
  }

  #build() {
    this.root = make("section", "jd-turn", null);
    const head = make("div", "jd-head", this.root);
    this.chip = make("span", "jd-chip", head, { role: "status" });
    this.who = make("span", "jd-who", head);
    this.facts = make("span", "jd-facts", head);
    for (const name of ["attempt", "time", "first", "tokens", "cost"]) this[name] = make("span", `jd-${name}`, this.facts);
    this.button = make("button", "jd-cancel", head, { type: "button" });
    this.button.addEventListener("click", () => this.#click());
    this.note = make("div", "jd-note", this.root, { role: "status", "aria-live": "polite" });
    this.countdown = make("div", "jd-note jd-countdown", this.root);
    this.think = make("details", "jd-think", this.root);
    make("summary", "", this.think).textContent = "Thinking";
    // It scrolls, so the keyboard must be able to get there.
    this.thought = make("div", "jd-thought", this.think, { tabindex: "0", role: "group", "aria-label": "Thinking" });
    this.think.addEventListener("toggle", () => this.actions.visible(this));
    this.tools = make("ul", "jd-tools", this.root, { "aria-label": "Tool calls" });
    this.answer = make("div", "jd-answer jp-RenderedHTMLCommon", this.root, { "aria-live": "polite" });
  }

  get status() {
    const { meta, text, thinking } = this.stream;
    if (ENDED.has(meta.status)) return meta.status;
    if (this.state === "disconnected") return "disconnected";
    if (this.canceling || meta.canceling) return "canceling";
    if (meta.wait_ms != null) return "retrying";
    if (meta.status !== "running") return meta.status;
    return text ? "streaming" : thinking ? "thinking" : "running";
  }

  draw() {
    const { meta, text, thinking } = this.stream;
    const status = this.status;
    say(this.chip, "data-s", status);
    say(this.root, "aria-label", `Answer of ${meta.who || "a model"}`);
    put(this.chip, WORDS[status] ?? status);
    put(this.who, meta.who ?? "");
    put(this.attempt, attempt(meta));
    put(this.tokens, tokens(meta.usage));
    put(this.cost, cost(meta.cost));
    put(this.first, meta.first_ms == null ? "" : `first ${moment(meta.first_ms)}`);
    put(this.note, this.#noteText(status));
    this.#drawButton(status);
    this.#drawTools(meta.tools ?? []);
    this.#drawTimes();
    say(this.answer, "aria-busy", String(!ENDED.has(status) && status !== "disconnected"));
    this.think.hidden = !thinking;
    if (this.think.open) put(this.thought, thinking);
    if (!this.visible && !ENDED.has(meta.status)) return;
    if (this.drawn !== text) {
      drawMarkdown(this.answer, text);
      this.drawn = text;
    }
    if (ENDED.has(meta.status)) this.#rest();
  }

  #noteText(status) {
    if (status === "disconnected") return "The kernel is gone: this is the text that had arrived. The journal holds the turn.";
    if (this.failedInterrupt) return "The interrupt did not reach the kernel. Use the notebook's Stop button.";
    return this.stream.meta.note ?? "";
  }

  #drawButton(status) {
    const gone = ENDED.has(status) || status === "disconnected" || this.state !== "live";
    if (gone) this.#passFocusOn(this.button);
    this.button.hidden = gone;
    const label = this.offered ? "Interrupt kernel" : "Cancel";
    if (this.button.textContent !== label) this.button.textContent = label;
    say(this.button, "aria-label", `${label}: answer of ${this.stream.meta.who || "a model"}`);
    // Not `disabled`: a disabled button loses the focus, and whoever uses a keyboard their place in the page.
    say(this.button, "aria-disabled", String(this.#inert(status)));
  }

  #inert(status) {
    return this.interrupting || (status === "canceling" && !this.offered);
  }

  // The button that goes, or the view that is swapped for static output, gives the focus to the cell around it, so that
  // the notebook's keys go on working. A front end may take the view away first, hence the memory of who had it.
  #keepFocus() {
    this.root.addEventListener("focusin", () => (this.cell = this.root.parentElement?.closest("[tabindex]")));
    this.root.addEventListener("focusout", () =>
      queueMicrotask(() => {
        if (this.root.isConnected && !this.root.contains(document.activeElement)) this.cell = null;
      }),
    );
  }

  #passFocusOn(node) {
    const lost = !this.root.isConnected && document.activeElement === document.body;
    if (lost || node.contains(document.activeElement)) this.cell?.focus({ preventScroll: true });
  }

  #drawTools(list) {
    const key = JSON.stringify(list);
    if (this.toolsKey === key) return;
    this.toolsKey = key;
    this.tools.hidden = list.length === 0;
    this.tools.replaceChildren(
      ...list.map(([name, state, detail]) => {
        const item = make("li", "jd-tool", null);
        make("code", "", item).textContent = name;
        make("span", "jd-tool-state", item, { "data-s": state }).textContent = state;
        if (detail) make("span", "jd-tool-detail", item).textContent = detail;
        return item;
      }),
    );
  }

  #drawTimes() {
    const now = performance.now();
    const { meta, at } = this.stream;
    put(this.time, this.state === "live" ? seconds(elapsed(meta, at, now)) : this.time.textContent);
    const left = this.state === "live" ? waitLeft(meta, at, now) : null;
    put(this.countdown, left == null ? "" : `${meta.retry ? `${meta.retry}; ` : ""}next attempt in ${seconds(left)}`);
  }

  #tick() {
    if (this.visible) this.#drawTimes();
  }

  #click() {
    if (this.#inert(this.status)) return;
    if (this.offered) {
      this.interrupting = true;
      this.actions.interrupt().then((ok) => {
        this.interrupting = false;
        this.failedInterrupt = !ok;
        this.actions.visible(this);
      });
      return;
    }
    this.canceling = true;
    this.actions.cancel(this.stream.sid);
    this.offerTimer = setTimeout(() => {
      // The kernel confirms a cancel that it received (`canceling`); silence means that a cell blocks its comms.
      if (ENDED.has(this.stream.meta.status) || this.stream.meta.canceling || this.state !== "live") return;
      this.offered = true;
      this.actions.visible(this);
    }, OFFER_INTERRUPT_MS);
    this.actions.visible(this);
  }

  disconnect() {
    this.draw();
    this.state = "disconnected";
    this.#rest();
    this.actions.visible(this);
  }

  freeze() {
    this.draw();
    this.#rest();
  }

  #rest() {
    clearInterval(this.timer);
    clearTimeout(this.offerTimer);
  }

  dispose() {
    this.#rest();
    this.observer.disconnect();
    this.#passFocusOn(this.root);
    this.root.remove();
  }
}
