// The widget of one turn. It holds nothing but its first snapshot: the hub, loaded once per kernel, does the work.
// This file is sent with every turn, so it stays small.

function hubOf(id) {
  const hubs = (globalThis[Symbol.for("jido_nb.hubs")] ??= new Map());
  let entry = hubs.get(id);
  if (!entry) {
    entry = {};
    entry.ready = new Promise((resolve) => (entry.resolve = resolve));
    hubs.set(id, entry);
  }
  return entry.ready;
}

export default {
  async render({ model, el, signal }) {
    const hub = await hubOf(model.get("hub"));
    if (signal?.aborted) return;
    return hub.mount(el, model.get("sid"), model.get("snap"));
  },
};
