// One per kernel and page, without a view: takes the kernel's messages for all turns and gives them to the mounted views.
import { drawLoop } from "./draw.js";
import { interruptKernel } from "./interrupt.js";
import { ENDED, Streams } from "./streams.js";
import css from "./style.css";
import { TurnElement } from "./turn.js";

function addStyle() {
  const id = "jido-nb-style";
  const old = document.getElementById(id);
  if (old?.textContent === css) return;
  old?.remove();
  const style = document.createElement("style");
  style.id = id;
  style.textContent = css;
  document.head.append(style);
}

function initialize({ model }) {
  addStyle();
  const streams = new Streams();
  const views = new Map(); // sid -> Set of TurnElement; a notebook may show one output twice
  let live = true;

  const send = (content) => live && model.send(content);
  const loop = drawLoop();

  const actions = {
    cancel: (sid) => send({ t: "cancel", sid }),
    interrupt: () => interruptKernel(model.get("kernel_id")),
    visible: (view) => loop.add(view),
  };

  const receive = (message) => {
    const { changed, gaps, gone } = streams.apply(message, performance.now());
    for (const sid of changed) for (const view of views.get(sid) ?? []) loop.add(view);
    // A stream that has left keeps its last picture until the front end swaps the output.
    for (const sid of gone) for (const view of views.get(sid) ?? []) view.freeze();
    if (gaps.size) send({ t: "resync", sids: [...gaps] });
  };

  const lost = () => {
    live = false;
    for (const set of views.values()) for (const view of set) {
      if (!ENDED.has(view.stream.meta.status)) view.disconnect();
    }
  };

  model.on("msg:custom", receive);
  // A kernel that restarts or dies closes no comm; this is the only sign that models get.
  model.on("comm_live_update", lost);
  model.on("comm:close", lost);
  model.on("destroy", lost);

  const mount = (el, sid, snapshot) => {
    if (snapshot?.meta) streams.snapshot(sid, snapshot, performance.now());
    const view = new TurnElement(streams.get(sid), actions);
    if (!views.has(sid)) views.set(sid, new Set());
    views.get(sid).add(view);
    el.append(view.root);
    loop.add(view);
    if (!live && !ENDED.has(view.stream.meta.status)) view.disconnect();
    return () => {
      view.dispose();
      views.get(sid)?.delete(view);
    };
  };

  const hubs = (globalThis[Symbol.for("jido_nb.hubs")] ??= new Map());
  const id = model.get("hub_id");
  const entry = hubs.get(id);
  if (entry?.resolve) entry.resolve({ mount });
  hubs.set(id, { ready: Promise.resolve({ mount }) });

  send({ t: "hello" });
}

export default { initialize };
