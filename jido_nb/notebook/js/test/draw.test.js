import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLoop } from "../src/draw.js";

// A page whose time passes only when something is drawn, or when the test says so.
function makePage() {
  const page = {
    time: 0,
    frames: [],
    now: () => page.time,
    next: (frame) => page.frames.push(frame),
    frame(ms = 16) {
      page.time += ms;
      page.frames.splice(0).forEach((frame) => frame());
    },
  };
  return page;
}

const makeView = (page, cost, name = "", log = []) => ({
  log,
  draw() {
    page.time += cost;
    log.push(name);
  },
});

test("many changes before a frame are one drawing", () => {
  const page = makePage();
  const [loop, view] = [drawLoop(page), makeView(page, 1)];
  for (let n = 0; n < 5; n += 1) loop.add(view);
  assert.equal(page.frames.length, 1);
  page.frame();
  assert.equal(view.log.length, 1);
  assert.equal(page.frames.length, 0);
});

test("what does not fit into one frame is drawn in the next ones, in order", () => {
  const page = makePage();
  const loop = drawLoop(page);
  const log = [];
  for (const name of "abcdef") loop.add(makeView(page, 5, name, log));
  page.frame();
  assert.deepEqual(log, ["a", "b"]);
  while (page.frames.length) page.frame();
  assert.deepEqual(log, [..."abcdef"]);
});

test("a view that is dear to draw leaves the page four fifths of the time, and still gets its last drawing", () => {
  const page = makePage();
  const loop = drawLoop(page);
  const [dear, cheap] = [makeView(page, 100), makeView(page, 0.5)];
  while (page.time < 10_000) {
    loop.add(dear);
    loop.add(cheap);
    page.frame();
  }
  assert.ok(dear.log.length * 100 <= page.time / 5 + 100, `${dear.log.length} drawings`);
  assert.ok(cheap.log.length > 10 * dear.log.length);
  const before = dear.log.length;
  while (page.frames.length) page.frame();
  assert.equal(dear.log.length, before + 1);
});
