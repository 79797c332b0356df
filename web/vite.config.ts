/*
 * One entry (ENTRY=report; studio later) becomes one HTML file without outside parts: scripts, styles and fonts are
 * in it, and its own policy (CSP) names them by hash and forbids everything else. The program puts the data
 * where the marker @@REDOUBT_DATA@@ stands.
 */
import react from "@vitejs/plugin-react";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const here = dirname(fileURLToPath(import.meta.url));
const entry = process.env.ENTRY ?? "report";

/** The license texts of what goes into the page, as the module "virtual:notices". */
const bundled = ["@fontsource-variable/inter", "@fontsource/source-serif-4", "react", "react-dom", "scheduler"];

function notices(): Plugin {
  const text = bundled
    .map((name) => {
      const folder = join(here, "node_modules", name);
      const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].map((f) => join(folder, f)).find(existsSync);
      if (!file) throw new Error(`${name} has no license file`);
      return `${name} ${about.version}\n\n${readFileSync(file, "utf8").trim()}`;
    })
    .join("\n\n" + "-".repeat(72) + "\n\n");
  return {
    name: "redoubt-notices",
    resolveId: (id) => (id === "virtual:notices" ? "\0notices" : undefined),
    load: (id) => (id === "\0notices" ? `export default ${JSON.stringify(text)};` : undefined),
    // A package that slips into the bundle without its notice stops the build.
    generateBundle(_, bundle) {
      for (const part of Object.values(bundle)) {
        for (const id of part.type === "chunk" ? Object.keys(part.modules) : []) {
          const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
          if (name && !bundled.includes(name)) throw new Error(`no notice for ${name}`);
        }
      }
    },
  };
}

/** A strict policy over the finished page; must run after everything has been inlined. */
function policy(): Plugin {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return {
    name: "redoubt-policy",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        for (const part of Object.values(bundle)) {
          if (part.type !== "asset" || !part.fileName.endsWith(".html")) continue;
          let html = String(part.source).replaceAll(' crossorigin=""', "").replaceAll(" crossorigin", "");
          const inner = (tag: RegExp) => [...html.matchAll(tag)].map((m) => hash(m[1]));
          const scripts = inner(/<script type="module">([\s\S]*?)<\/script>/g);
          const styles = inner(/<style[^>]*>([\s\S]*?)<\/style>/g);
          if (!scripts.length || !styles.length) throw new Error("nothing was inlined");
          const rules = [
            "default-src 'none'",
            `script-src ${scripts.join(" ")}`,
            `style-src ${styles.join(" ")}`,
            "img-src data:",
            "font-src data:",
            "base-uri 'none'",
            "form-action 'none'",
          ].join("; ");
          html = html.replace("@@REDOUBT_POLICY@@", rules);
          if (html.split("@@REDOUBT_DATA@@").length !== 2) throw new Error("the data marker must stand once");
          part.source = html;
        }
      },
    },
  };
}

export default defineConfig({
  root: resolve(here, entry),
  logLevel: "warn",
  plugins: [react(), notices(), viteSingleFile({ removeViteModuleLoader: true }), policy()],
  build: {
    outDir: process.env.OUT ?? resolve(here, "dist", entry),
    emptyOutDir: true,
    target: "es2020",
    assetsInlineLimit: 1 << 20,
    cssCodeSplit: false,
    modulePreload: false,
  },
});
