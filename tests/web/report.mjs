// node tests/web/report.mjs BUILD BROWSER: see report.sh. Exits 1 when one of the sentences below is not true.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [build, browserPath] = process.argv.slice(2);
const { chromium } = createRequire(resolve(build, "web/package.json"))("playwright-core");
const out = resolve(build, "report-test");
mkdirSync(out, { recursive: true });

let failed = 0;
function check(ok, what) {
  console.log(`${ok ? "ok      " : "FAILED  "}${what}`);
  if (!ok) failed++;
}

/** What the program does: the data goes where the marker stands, every < as \u003c. */
function page(report, name) {
  const [before, after] = readFileSync(join(build, "web/report.html"), "utf8").split("@@REDOUBT_DATA@@");
  const path = join(out, name);
  writeFileSync(path, before + JSON.stringify(report).replaceAll("<", "\\u003c") + after);
  return path;
}

const fixture = JSON.parse(readFileSync("tests/fixtures/report/report.json", "utf8"));
const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });

/** Open a file and watch it: console, errors, dialogs, every request. */
async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const tab = await context.newPage();
  const seen = { trouble: [], requests: [], context };
  tab.on("console", (m) => ["error", "warning"].includes(m.type()) && seen.trouble.push(m.text()));
  tab.on("pageerror", (e) => seen.trouble.push(e.message));
  tab.on("dialog", (d) => {
    seen.trouble.push(`dialog: ${d.message()}`);
    d.dismiss();
  });
  const url = pathToFileURL(path).href;
  tab.on("request", (r) => r.url() !== url && !r.url().startsWith("data:") && seen.requests.push(r.url()));
  await tab.goto(url);
  await tab.waitForSelector("h1, .broken");
  return [tab, seen];
}

const path = page(fixture, "fixture.html");

// --- light ---
{
  const [tab, seen] = await open(path);
  const heads = await tab.$$eval("h2", (all) => all.map((h) => h.firstChild?.textContent));
  const wanted = ["Executive view", "System", "Stages of the life cycle", "Threats", "Evidence", "Expected loss", "Roadmap", "Not tried", "Assumptions", "Glossary", "How it was done"];
  check(JSON.stringify(heads) === JSON.stringify(wanted), `the sections stand in the order a board reads them ${heads.filter((h, i) => h !== wanted[i])}`);
  check((await tab.title()).includes(fixture.result.system.name), "the title names the system");
  check((await tab.textContent(".verdict")) === fixture.result.verdict[0], "the verdict's first sentence comes first");
  check((await tab.$$(".threats tbody")).length === fixture.result.threats.length, "every threat has its row");
  check((await tab.$$("#not-tried tbody tr")).length === fixture.result.not_tried.length, "every threat that was not tried is named");
  check((await tab.textContent("#loss")).includes("rounding did nothing here"), "a control without effect is said to do nothing");
  check((await tab.isVisible(".ribbon")) && (await tab.textContent(".ribbon")).startsWith("Illustrative"), "the illustrative mark is there");
  check((await tab.$$(".chart svg[role=img]")).length === 6, "four curves, the loss exceedance curve and the roadmap's are drawn");
  const poison = await tab.textContent('[aria-label="Test backdoor-crowd"]');
  check(poison.includes("5 retrained victims") && poison.includes("clean-trained model: 1.2"), "a backdoor is told by victims, beside the clean-trained model");
  check(poison.includes("not of the weights that are deployed") && poison.includes("assumed"), "an assumed recipe is said to be one");
  check(!poison.includes("Rows the attack spent"), "a poisoning spends no queries");
  check((await tab.$$('[aria-label="Original, triggered and difference pictures"] img')).length > 0, "triggered pictures are shown");
  check(poison.includes("boots"), "classes have their names");
  const member = await tab.textContent('[aria-label="Test who-was-in"]');
  check(member.includes("guessing") && member.includes("not resolvable"), "a membership test has its ROC beside guessing, and says what it cannot resolve");
  check((await tab.textContent("#loss")).includes("one loss costs more than 68,000 USD"), "a scenario without money says when it would matter");
  check((await tab.$$eval(".chart", (all) => all.every((c) => c.querySelector("details table tbody tr")))), "every chart has its figures as a table");
  check((await tab.$$eval(".chart svg[role=img]", (all) => all.every((c) => c.getAttribute("aria-label").length > 30))), "every chart says in words what it shows");
  check((await tab.$$eval(".strip img", (all) => all.length === 36 && all.every((i) => i.complete && i.naturalWidth === 28 && i.alt))), "the pictures load and are described");
  check((await tab.$$(".sheet .element")).length === fixture.draw.diagram.elements.length, "every element is in the diagram");
  check((await tab.evaluate(() => document.fonts.check("16px Inter") && [...document.fonts].some((f) => f.family.includes("Inter") && f.status === "loaded"))), "the page brings its own letters");
  await tab.screenshot({ path: join(out, "light.png"), fullPage: true });

  // A threat opens, by pointer and through the diagram's link.
  const first = tab.locator("button.row").first();
  await first.click();
  check((await first.getAttribute("aria-expanded")) === "true" && (await tab.locator(".more").first().isVisible()), "a threat opens to its reasons");
  await first.click();
  check(!(await tab.locator(".more").first().isVisible()), "and closes again");
  await tab.evaluate(() => (location.hash = "#t-unauthenticated-upload@upload-api"));
  await tab.waitForSelector("#t-unauthenticated-upload\\@upload-api.open");
  check(await tab.evaluate(() => document.activeElement?.id === "b-unauthenticated-upload@upload-api"), "a link to a threat opens it and takes the focus there");
  await tab.getByRole("button", { name: /^demonstrated \d/ }).click();
  check((await tab.$$(".threats tbody")).length === 3, "the filter leaves the demonstrated ones");

  // Tips by pointer and by focus.
  const chart = tab.locator(".chart svg[role=img]").first();
  await chart.hover();
  check(await tab.locator(".plot .tip").first().isVisible(), "a pointer on a chart reads the figures");
  await tab.mouse.move(0, 0);
  await chart.focus();
  await tab.keyboard.press("ArrowRight");
  await tab.keyboard.press("ArrowRight");
  check(((await tab.textContent(".plot [role=status]")) ?? "").includes("as it is"), "arrow keys read a chart aloud");
  await tab.locator("a.element").first().focus();
  check(await tab.locator(".diagram .tip").isVisible(), "focus on an element shows what the pointer would");
  check(seen.trouble.length === 0, `no error or warning on the console ${seen.trouble.join(" | ").slice(0, 300)}`);
  check(seen.requests.length === 0, `no request is made ${seen.requests.join(" ").slice(0, 300)}`);
  await seen.context.close();
}

// --- keyboard ---
{
  const [tab, seen] = await open(path);
  await tab.keyboard.press("Tab");
  check((await tab.evaluate(() => document.activeElement.className)) === "skip", "the first stop of the keyboard is the skip link");
  const stops = [];
  for (let i = 0; i < 400; i++) {
    await tab.keyboard.press("Tab");
    stops.push(
      await tab.evaluate(() => {
        const e = document.activeElement;
        const style = getComputedStyle(e);
        const kind = (typeof e.className === "string" ? e.className : e.className.baseVal) || e.tagName;
        return { kind, tag: e.tagName, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0, top: e.getBoundingClientRect().top + scrollY };
      }),
    );
  }
  const inPage = stops.filter((s) => s.tag !== "BODY");
  check(inPage.every((s) => s.outline), "every stop shows where the focus is");
  for (const kind of ["row", "element", "plain"]) check(inPage.some((s) => s.kind.includes(kind)), `the keyboard reaches .${kind}`);
  check(inPage.some((s) => s.tag === "svg"), "the keyboard reaches the charts");
  await tab.locator("button.row").first().focus();
  await tab.keyboard.press("Enter");
  check((await tab.locator("button.row").first().getAttribute("aria-expanded")) === "true", "Enter opens a threat");
  await seen.context.close();
}

// --- dark, and the toggle ---
{
  const [tab, seen] = await open(path, { colorScheme: "dark" });
  const paper = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
  check((await paper()) < 150, "dark follows the system");
  await tab.screenshot({ path: join(out, "dark.png"), fullPage: true });
  await tab.getByRole("button", { name: "Switch to light colors" }).click();
  check((await paper()) > 700, "the toggle makes it light");
  await tab.getByRole("button", { name: "Switch to dark colors" }).click();
  check((await paper()) < 150, "and dark again");
  check(seen.trouble.length === 0, "no error in dark");
  await seen.context.close();
}

// --- contrast of the text that matters, both ways ---
for (const colorScheme of ["light", "dark"]) {
  const [tab, seen] = await open(path, { colorScheme });
  const worst = await tab.evaluate(() => {
    const rgb = (c) => c.match(/[\d.]+/g).slice(0, 3).map(Number);
    const lum = (c) => {
      const [r, g, b] = rgb(c).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = lum(getComputedStyle(document.body).backgroundColor);
    let low = 99;
    for (const e of document.querySelectorAll("p, td, th, dt, dd, small, .status, .tag, a, .quiet, summary")) {
      if (!e.offsetParent || e.closest(".ribbon, .skip, button[aria-pressed=true]")) continue;
      const l = lum(getComputedStyle(e).color);
      low = Math.min(low, (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05));
    }
    return low;
  });
  check(worst >= 4.5, `text stands out in ${colorScheme}: contrast at least 4.5 (worst ${worst.toFixed(2)})`);
  await seen.context.close();
}

// --- narrow ---
{
  const [tab, seen] = await open(path, { viewport: { width: 390, height: 844 } });
  check((await tab.evaluate(() => document.documentElement.scrollWidth)) <= 390, "a telephone needs no sideways scrolling of the page");
  await tab.screenshot({ path: join(out, "narrow.png"), fullPage: true });
  await seen.context.close();
}

// --- print ---
{
  const [tab, seen] = await open(path, { colorScheme: "dark" });
  const pdf = join(out, "print.pdf");
  await tab.pdf({ path: pdf, preferCSSPageSize: true, printBackground: true });
  check(statSync(pdf).size > 50000, "it prints");
  await tab.emulateMedia({ media: "print" });
  check((await tab.evaluate(() => getComputedStyle(document.body).backgroundColor)) === "rgb(255, 255, 255)", "paper is white, also for a reader in the dark");
  check((await tab.$$eval(".more", (all) => all.every((r) => getComputedStyle(r).display === "table-row"))), "in print every threat is open");
  check((await tab.evaluate(() => getComputedStyle(document.querySelector(".page")).page)) === "illustrative", "every printed page carries the illustrative mark");
  await seen.context.close();
}

// --- hostile names, everywhere a name can stand ---
{
  const evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e\u2066gnp.exe";
  const spoil = (v) => (Array.isArray(v) ? v.map(spoil) : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, ["name", "title", "text", "reason", "sentence", "why", "label", "value", "what", "note", "by"].includes(k) && typeof x === "string" ? evil : spoil(x)])) : v);
  const report = spoil(fixture);
  report.result.verdict = [evil, evil + 2];
  report.warnings = [evil];
  report.run = { host: evil };
  report.draw.names = { scenarios: { clone: evil }, actors: { insider: evil }, controls: { hardened: evil } };
  report.draw.pictures[0].items[0].original = "javascript:alert(3)";
  const [tab, seen] = await open(page(report, "hostile.html"));
  await tab.getByRole("button", { name: /^all \d/ }).click();
  await tab.locator("button.row").first().click();
  check((await tab.$$("main script, main img[onerror]")).length === 0, "a name makes no element");
  check((await tab.textContent("h1")) === evil, "a hostile name is shown as it is");
  check((await tab.$$eval("h1 bdi", (all) => all.length)) === 1, "and cannot turn the text around it");
  check(!(await tab.$$eval("img", (all) => all.some((i) => i.getAttribute("src")?.startsWith("javascript")))), "a picture is a PNG or nothing");
  check(seen.trouble.length === 0 && seen.requests.length === 0, `nothing ran and nothing was asked for ${seen.trouble.concat(seen.requests).join(" | ").slice(0, 300)}`);
  await seen.context.close();
}

// --- the policy holds by itself: what is put in by force does not run ---
{
  const forced = join(out, "forced.html");
  writeFileSync(forced, readFileSync(path, "utf8").replace("</body>", "<script>window.owned = 1</script><img src='http://127.0.0.1:9/x.png'></body>"));
  const [tab, seen] = await open(forced);
  check((await tab.evaluate(() => window.owned)) === undefined, "an added script does not run");
  check(seen.requests.length === 0 || seen.trouble.some((t) => /img-src/.test(t)), "an added picture is not fetched");
  check(seen.trouble.some((t) => /Content Security Policy/.test(t) && /script/.test(t)), "the browser names the policy that stopped it");
  await seen.context.close();
}

// --- little to show, and nothing at all ---
{
  const bare = structuredClone(fixture);
  Object.assign(bare.result, { tests: [], controls: [], threats: [], not_tried: [], risk: null, verdict: ["No rule found a threat in this system, so nothing was tried."] });
  Object.assign(bare.draw, { threats: {}, pictures: [], diagram: { engine: "none", reason: "too many elements", width: 0, height: 0, boundaries: [], elements: [], flows: [] } });
  const [tab, seen] = await open(page(bare, "bare.html"));
  check((await tab.$$("h2")).length >= 6 && seen.trouble.length === 0, `an assessment that found nothing is a report too ${seen.trouble.join(" | ").slice(0, 200)}`);
  check(!(await tab.$(".ribbon")), "without defaults there is no illustrative mark");
  await seen.context.close();
  const [empty, watch] = await open(resolve(build, "web/report.html"));
  check((await empty.textContent(".broken")).includes("holds no report"), "the page without data says so");
  await watch.context.close();
}

// --- what the C code wrote ---
for (const made of [join(out, "report.html"), process.env.REPORT].filter(Boolean)) {
  if (!existsSync(made)) continue;
  const [tab, seen] = await open(resolve(made));
  check((await tab.$$("h2")).length >= 6, `${made.split("/").pop()} of the program opens`);
  check(seen.trouble.length === 0 && seen.requests.length === 0, `without an error or a request ${seen.trouble.concat(seen.requests).join(" | ").slice(0, 300)}`);
  await tab.screenshot({ path: join(out, "program.png"), fullPage: true });
  await seen.context.close();
}

await browser.close();
console.log(failed ? `${failed} failed` : "all ok");
process.exit(failed ? 1 : 0);
