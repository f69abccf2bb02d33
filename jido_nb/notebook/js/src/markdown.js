// Markdown of a model, made safe and drawn block by block: only blocks that changed are parsed and touched.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: false, async: false });

const escaped = (text) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

// As in the static output: HTML is shown as what was written, and a picture as its words. The sanitizer below would
// take both away safely, but a reader should see what a model said.
marked.use({
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ text }) => `[image: ${escaped(text || "not loaded")}]`,
  },
});
const purify = DOMPurify(window);

const CONFIG = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe", "object", "embed", "svg", "math",
    "audio", "video", "source", "picture", "dialog", "link", "meta", "base", "template", "slot"],
  FORBID_ATTR: ["style", "id", "name", "class", "srcset", "background", "poster", "usemap", "popover", "tabindex"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    const href = node.getAttribute("href") ?? "";
    if (/^(https?:\/\/|mailto:)/i.test(href)) {
      node.setAttribute("target", "_blank");
      node.setAttribute("rel", "noopener noreferrer nofollow");
    } else {
      node.removeAttribute("href");
    }
  } else if (node.tagName === "IMG") {
    // A remote image is a beacon: its address can carry the conversation to somebody else's server.
    const src = node.getAttribute("src") ?? "";
    if (!/^data:image\/(png|jpeg|gif|webp);/i.test(src)) {
      node.replaceWith(node.ownerDocument.createTextNode(`[image: ${node.getAttribute("alt") || "not loaded"}]`));
    }
  } else if (node.hasAttribute?.("src")) {
    node.removeAttribute("src");
  }
});

// Make the children of `el` show `text`. Keeps what is already there: `el.jdBlocks` remembers each block's source.
export function drawMarkdown(el, text) {
  const known = (el.jdBlocks ??= []);
  const all = marked.lexer(text);
  const tokens = all.filter((token) => token.type !== "space");
  // `[words][name]` becomes a link when the line that says where it leads arrives, which may be the last one.
  const names = Object.keys(all.links).length;
  let first = 0;
  if (names !== (el.jdNames ?? 0)) known.length = 0;
  el.jdNames = names;
  while (first < tokens.length && first < known.length && tokens[first].raw === known[first]) first += 1;
  for (let index = first; index < tokens.length; index += 1) {
    const token = tokens[index];
    const block = [token];
    block.links = all.links;
    const html = purify.sanitize(marked.parser(block), CONFIG);
    let holder = el.children[index];
    if (!holder) {
      holder = el.ownerDocument.createElement("div");
      holder.className = "jd-block";
      el.append(holder);
    }
    holder.innerHTML = html;
    // Half a heading is an empty one, which is a place in the page that leads nowhere.
    holder.hidden = token.type === "heading" && !token.text;
    known[index] = token.raw;
  }
  known.length = tokens.length;
  while (el.children.length > tokens.length) el.lastElementChild.remove();
}
