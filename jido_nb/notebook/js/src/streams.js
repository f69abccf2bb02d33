// What the kernel says, put together: the text of every turn, exact, whatever order or gaps the messages come in.
//
// A message of the hub is {m: {sid: meta}, d: [[sid, channel, offset, text, gen]], s: {sid: snapshot}, x: [sid]}.
// Rule 1: offsets count UTF-16 units, as `string.length` does. A piece that begins past the end is a gap: ask again.
// Rule 2: `gen` names one run of text. A discarded attempt starts the next; pieces of an older one are void.
// Rule 3: metas carry `rev`, which only grows; an older meta, or a snapshot that was overtaken, changes nothing.
// Nothing here touches the page or a clock.

export const CHANNELS = { t: "text", k: "thinking" };
export const ENDED = new Set(["completed", "failed", "canceled"]);

const RESYNC_AGAIN_MS = 2000;

export function makeStream(sid) {
  return { sid, gen: 0, text: "", thinking: "", meta: { rev: -1, gen: 0, status: "queued" }, at: 0, askedAt: -Infinity };
}

export class Streams {
  constructor() {
    this.all = new Map();
  }

  get(sid) {
    let stream = this.all.get(sid);
    if (!stream) this.all.set(sid, (stream = makeStream(sid)));
    return stream;
  }

  // Returns {changed, gaps, gone}: sids to redraw, sids to ask a snapshot for, sids that have left. `now` in ms.
  apply(message, now) {
    const changed = new Set();
    const gaps = new Set();
    for (const [sid, snapshot] of Object.entries(message.s ?? {})) {
      if (this.snapshot(sid, snapshot, now)) changed.add(sid);
    }
    for (const [sid, meta] of Object.entries(message.m ?? {})) {
      if (this.meta(sid, meta, now)) changed.add(sid);
    }
    for (const [sid, channel, offset, text, gen] of message.d ?? []) {
      const stream = this.get(sid);
      const name = CHANNELS[channel];
      if (!name || gen < stream.gen) continue;
      const length = stream[name].length;
      if (gen > stream.gen || offset > length) {
        if (now - stream.askedAt >= RESYNC_AGAIN_MS) {
          stream.askedAt = now;
          gaps.add(sid);
        }
        continue;
      }
      if (offset + text.length <= length) continue;
      stream[name] += text.slice(length - offset);
      changed.add(sid);
    }
    for (const sid of message.x ?? []) this.all.delete(sid);
    return { changed, gaps, gone: message.x ?? [] };
  }

  meta(sid, meta, now) {
    const stream = this.get(sid);
    if (meta.rev <= stream.meta.rev) return false;
    stream.meta = meta;
    stream.at = now;
    if (meta.gen > stream.gen) Object.assign(stream, { gen: meta.gen, text: "", thinking: "" });
    return true;
  }

  snapshot(sid, { meta, text, thinking }, now) {
    const stream = this.get(sid);
    let changed = this.meta(sid, meta, now);
    if (meta.gen < stream.gen) return changed;
    stream.askedAt = -Infinity;
    for (const [name, whole] of [["text", text], ["thinking", thinking]]) {
      if (whole.length <= stream[name].length) continue;
      stream[name] = whole;
      changed = true;
    }
    return changed;
  }
}
