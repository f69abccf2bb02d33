// Draw views on animation frames, within a budget, so that twenty streams at once leave the page usable.
// Rule 1: a frame draws until its budget is spent; who waits longest goes first.
// Rule 2: a view that was dear to draw rests for a multiple of that time, so that no text, however long or however
//         hostile to a parser, takes more than a fifth of the page's time.

const BUDGET_MS = 8;
const REST = 4;

const browser = {
  now: () => performance.now(),
  // A hidden page gets no animation frames, and must still hold the text when it is looked at or saved.
  next: (frame) => (document.hidden ? setTimeout(frame, 100) : requestAnimationFrame(frame)),
};

export function drawLoop({ now, next } = browser) {
  const waiting = new Set();
  const restsUntil = new WeakMap();
  let asked = false;

  const draw = (view) => {
    waiting.delete(view);
    const begun = now();
    view.draw();
    const ended = now();
    restsUntil.set(view, ended + REST * (ended - begun));
  };
  const frame = () => {
    asked = false;
    const begun = now();
    for (const view of [...waiting]) {
      if ((restsUntil.get(view) ?? 0) > begun) continue;
      draw(view);
      if (now() - begun > BUDGET_MS) break;
    }
    if (waiting.size) ask();
  };
  const ask = () => {
    if (asked) return;
    asked = true;
    next(frame);
  };
  return {
    add(view) {
      waiting.add(view);
      ask();
    },
  };
}
