import assert from "node:assert/strict";
import { test } from "node:test";
import { Streams } from "../src/streams.js";

const meta = (rev, gen, status = "running") => ({ rev, gen, status });

test("pieces in order make the text", () => {
  const streams = new Streams();
  streams.apply({ m: { 1: meta(0, 0) }, d: [["1", "t", 0, "Hel", 0], ["1", "t", 3, "lo", 0], ["1", "k", 0, "hm", 0]] }, 0);
  assert.equal(streams.get("1").text, "Hello");
  assert.equal(streams.get("1").thinking, "hm");
});

test("offsets count UTF-16 units", () => {
  const streams = new Streams();
  streams.apply({ d: [["1", "t", 0, "a😀", 0], ["1", "t", 3, "b", 0]] }, 0);
  assert.equal(streams.get("1").text, "a😀b");
});

test("a piece that is known, whole or in part, is not added twice", () => {
  const streams = new Streams();
  streams.apply({ d: [["1", "t", 0, "Hello", 0], ["1", "t", 0, "Hel", 0], ["1", "t", 3, "lo you", 0]] }, 0);
  assert.equal(streams.get("1").text, "Hello you");
});

test("a gap asks once for a snapshot, and again only after a while", () => {
  const streams = new Streams();
  const late = { d: [["1", "t", 9, "late", 0]] };
  assert.deepEqual([...streams.apply(late, 0).gaps], ["1"]);
  assert.deepEqual([...streams.apply(late, 100).gaps], []);
  assert.deepEqual([...streams.apply(late, 2100).gaps], ["1"]);
  streams.apply({ s: { 1: { meta: meta(1, 0), text: "123456789late", thinking: "" } } }, 2200);
  assert.equal(streams.get("1").text, "123456789late");
});

test("a discarded attempt starts over, and its late pieces are void", () => {
  const streams = new Streams();
  streams.apply({ m: { 1: meta(0, 0) }, d: [["1", "t", 0, "wrong", 0]] }, 0);
  streams.apply({ m: { 1: meta(1, 1) }, d: [["1", "t", 0, "right", 1]] }, 0);
  streams.apply({ d: [["1", "t", 5, " wrong", 0]] }, 0);
  assert.equal(streams.get("1").text, "right");
});

test("text of a run that was not announced is a gap", () => {
  const streams = new Streams();
  streams.apply({ m: { 1: meta(0, 0) }, d: [["1", "t", 0, "old", 0]] }, 0);
  assert.deepEqual([...streams.apply({ d: [["1", "t", 3, "new", 1]] }, 0).gaps], ["1"]);
  assert.equal(streams.get("1").text, "old");
});

test("a snapshot that was overtaken changes nothing", () => {
  const streams = new Streams();
  streams.apply({ m: { 1: meta(5, 1, "completed") }, d: [["1", "t", 0, "the whole text", 1]] }, 0);
  for (const old of [{ meta: meta(2, 1), text: "the", thinking: "" }, { meta: meta(1, 0), text: "another attempt, longer", thinking: "" }]) {
    assert.equal(streams.snapshot("1", old, 0), false);
  }
  assert.equal(streams.get("1").text, "the whole text");
  assert.equal(streams.get("1").meta.status, "completed");
});

test("a stream that left is forgotten", () => {
  const streams = new Streams();
  streams.apply({ d: [["1", "t", 0, "x", 0]] }, 0);
  assert.deepEqual(streams.apply({ x: ["1"] }, 0).gone, ["1"]);
  assert.equal(streams.all.size, 0);
});

test("any cut of a message stream, with any loss, ends exact after one snapshot", () => {
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 200; round += 1) {
    const text = Array.from({ length: 200 }, () => "ab 😀\n"[random(4)] ?? "x").join("");
    const streams = new Streams();
    let sent = 0;
    while (sent < text.length) {
      const size = 1 + random(12);
      const piece = ["1", "t", sent, text.slice(sent, sent + size), 0];
      sent += piece[3].length;
      if (random(10) === 0) continue; // lost
      const { gaps } = streams.apply({ d: [piece] }, round);
      if (gaps.size) streams.apply({ s: { 1: { meta: meta(round, 0), text: text.slice(0, sent), thinking: "" } } }, round);
    }
    streams.apply({ s: { 1: { meta: meta(999, 0, "completed"), text, thinking: "" } } }, round);
    assert.equal(streams.get("1").text, text);
  }
});
