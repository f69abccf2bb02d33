// Numbers as people read them. Pure.
import { ENDED } from "./streams.js";

export function seconds(ms) {
  if (ms == null) return "";
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

export function moment(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms);
}

export function elapsed(meta, at, now) {
  if (meta.elapsed_ms == null) return null;
  return ENDED.has(meta.status) ? meta.elapsed_ms : meta.elapsed_ms + (now - at);
}

export function waitLeft(meta, at, now) {
  if (meta.wait_ms == null || ENDED.has(meta.status)) return null;
  return Math.max(0, meta.wait_ms - (now - at));
}

export function tokens(usage) {
  if (!usage || usage.output_tokens == null) return "";
  const into = usage.input_tokens == null ? "" : `${usage.input_tokens.toLocaleString("en")} in, `;
  return `${into}${usage.output_tokens.toLocaleString("en")} out tokens`;
}

export function cost(value) {
  if (!value || value.amount == null) return "";
  const digits = value.amount >= 0.01 || value.amount === 0 ? 2 : 5;
  return value.currency && value.currency !== "USD"
    ? `${value.amount.toFixed(digits)} ${value.currency}`
    : `$${value.amount.toFixed(digits)}`;
}

export function attempt(meta) {
  const n = meta.attempt ?? 1;
  if (n < 2 && meta.wait_ms == null) return "";
  return meta.max_attempts ? `attempt ${n} of ${meta.max_attempts}` : `attempt ${n}`;
}
