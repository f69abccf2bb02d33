import assert from "node:assert/strict";
import { test } from "node:test";
import { attempt, cost, elapsed, moment, seconds, tokens, waitLeft } from "../src/format.js";

const table = [
  [seconds, [null], ""],
  [seconds, [0], "0.0 s"],
  [seconds, [9_949], "9.9 s"],
  [seconds, [9_950], "10 s"],
  [seconds, [61_400], "1 min 01 s"],
  [moment, [412.6], "413 ms"],
  [moment, [1_250], "1.3 s"],
  [tokens, [null], ""],
  [tokens, [{ output_tokens: 1234 }], "1,234 out tokens"],
  [tokens, [{ input_tokens: 0, output_tokens: 0 }], "0 in, 0 out tokens"],
  [cost, [null], ""],
  [cost, [{ amount: 0 }], "$0.00"],
  [cost, [{ amount: 0.000123, currency: "USD" }], "$0.00012"],
  [cost, [{ amount: 2.5, currency: "EUR" }], "2.50 EUR"],
  [attempt, [{ attempt: 1, max_attempts: 3 }], ""],
  [attempt, [{ attempt: 1, max_attempts: 3, wait_ms: 5 }], "attempt 1 of 3"],
  [attempt, [{ attempt: 2 }], "attempt 2"],
  [elapsed, [{ status: "queued" }, 0, 50], null],
  [elapsed, [{ status: "running", elapsed_ms: 100 }, 20, 50], 130],
  [elapsed, [{ status: "failed", elapsed_ms: 100 }, 20, 50], 100],
  [waitLeft, [{ status: "running" }, 0, 50], null],
  [waitLeft, [{ status: "running", wait_ms: 100 }, 0, 30], 70],
  [waitLeft, [{ status: "running", wait_ms: 100 }, 0, 300], 0],
  [waitLeft, [{ status: "canceled", wait_ms: 100 }, 0, 30], null],
];

for (const [write, given, expected] of table) {
  test(`${write.name}(${given.map((value) => JSON.stringify(value)).join(", ")})`, () => {
    assert.equal(write(...given), expected);
  });
}
