// Draw views on animation frames, within a budget, so that twenty streams at once leave the page usable.

const BUDGET_MS = 8;

export function drawLoop() {
  const waiting = new Set();
  let asked = false;

  const frame = () => {
    asked = false;
    const end = performance.now() + BUDGET_MS;
    for (const view of waiting) {
      waiting.delete(view);
      view.draw();
      if (performance.now() > end) break;
    }
    if (waiting.size) ask();
  };
  const ask = () => {
    if (asked) return;
    asked = true;
    // A hidden page gets no animation frames, and must still hold the text when it is looked at or saved.
    if (document.hidden) setTimeout(frame, 100);
    else requestAnimationFrame(frame);
  };
  return {
    add(view) {
      waiting.add(view);
      ask();
    },
  };
}
