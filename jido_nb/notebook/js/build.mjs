// Bundle src/hub.js and src/view.js into ../static. The first line of each bundle is a digest of everything that went
// into it, so that a test without node can tell a stale bundle from a fresh one.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const digest = createHash("sha256");
const sources = readdirSync(new URL("src/", here)).sort().map((name) => `src/${name}`);
for (const name of [...sources, "build.mjs", "package.json", "package-lock.json"]) {
  digest.update(`${name}\n`).update(readFileSync(new URL(name, here)));
}
const banner = `/* jido_nb ${digest.digest("hex").slice(0, 16)} */`;

for (const name of ["hub", "view"]) {
  await build({
    entryPoints: [`src/${name}.js`],
    absWorkingDir: new URL(".", here).pathname,
    outfile: `../static/${name}.js`,
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2021",
    legalComments: "none",
    charset: "utf8",
    loader: { ".css": "text" },
    banner: { js: banner },
    logLevel: "warning",
  });
}
console.log(banner);
