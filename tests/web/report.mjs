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

  // From the diagram to the threats of a place and back; what to do about one, and its command.
  const api = tab.locator("a.element[href^='#at-']").first();
  const label = await api.getAttribute("aria-label");
  await api.focus();
  await tab.keyboard.press("Enter");
  await tab.waitForSelector(".plain.at");
  check((await tab.$$(".threats tbody")).length === Number(/: (\d+) threat/.exec(label)[1]), "an element in the diagram leads to its threats");
  check(await tab.evaluate(() => document.activeElement?.id.startsWith("b-")), "and the focus is on the first of them");
  await tab.locator(".plain.at").click();
  await tab.evaluate(() => (location.hash = "#t-evasion@inference-api"));
  await tab.waitForSelector("#t-evasion\\@inference-api.open");
  const detail = tab.locator("#d-evasion\\@inference-api");
  const about = await detail.textContent();
  for (const part of ["Why", "Impact", "Fix", "Check it yourself", "redoubt attack run", "Known as", "Record 8bb8140e9e23"]) check(about.includes(part), `an open threat has "${part}"`);
  await detail.getByRole("button", { name: /^Copy the command/ }).click();
  await tab.waitForTimeout(200);
  check((await detail.locator("[role=status]").textContent()) !== "", "the copy button says what it did");
  await tab.locator("#t-evasion\\@inference-api th small a").click();
  check(await tab.evaluate(() => document.activeElement?.id === "e-inference-api"), "a threat leads back to its place in the diagram");
  const test = await detail.locator("a[href^='#ev-']").getAttribute("href");
  check((await tab.$(`[id="${test.slice(1)}"]`)) !== null, "and to its evidence");

  // Words of the glossary, by pointer, by focus, and away with Escape.
  const word = tab.locator("#verdict button.term").first();
  await word.focus();
  check((await tab.locator("[role=tooltip]").textContent()).startsWith("ALE") && (await word.getAttribute("aria-describedby")) === (await tab.locator("[role=tooltip]").getAttribute("id")), "a word says what it means on focus");
  await tab.keyboard.press("Escape");
  check((await tab.$$("[role=tooltip]")).length === 0, "Escape takes it away");
  await word.hover();
  check((await tab.$$("[role=tooltip]")).length === 1, "and on hover");
  await tab.mouse.move(0, 0);
  check((await tab.$$("#glossary dt")).length === fixture.draw.glossary.length, "all words stand in the glossary");

  // Stages, roadmap, tornado.
  check((await tab.$$(".stages tbody tr")).length === 6, "six stages");
  const plan = await tab.textContent("#roadmap");
  for (const s of fixture.result.roadmap.steps) check(plan.includes(s.name) && plan.toLowerCase().includes(s.reversal.words.toLowerCase()), `the roadmap has ${s.control} with what would turn it`);
  check(plan.includes("Do nothing") && plan.includes("Accept:"), "doing nothing and accepting are rows beside it");
  check((await tab.$$(".tornado tbody tr")).length === Math.min(12, fixture.result.risk.tornado.length), "a bar for each number that moves the loss");

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
  for (const row of await tab.$$("button.row")) await row.click();
  for (const closed of await tab.$$("details:not([open]) > summary")) await closed.click();
  await tab.locator(".skip").focus();
  const stops = [];
  const all = await tab.evaluate(() => {
    // What a pointer can use and is shown; each gets a number to be told by.
    const used = [...document.querySelectorAll("a[href], button, summary, [tabindex='0'], input, select")].filter((e) => e.checkVisibility());
    used.forEach((e, i) => e.setAttribute("data-stop", i));
    return used.length;
  });
  for (let i = 0; i < all + 40; i++) {
    await tab.keyboard.press("Tab");
    stops.push(
      await tab.evaluate(() => {
        const e = document.activeElement;
        const style = getComputedStyle(e);
        const kind = (typeof e.className === "string" ? e.className : e.className.baseVal) || e.tagName;
        return { stop: e.getAttribute("data-stop"), kind, tag: e.tagName, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0, top: e.getBoundingClientRect().top + scrollY };
      }),
    );
    if (stops[i].tag === "BODY") break;
  }
  const reached = new Set(["0", ...stops.map((s) => s.stop)]); // 0 is the skip link, where it began
  const missed = await tab.evaluate((got) => [...document.querySelectorAll("[data-stop]")].filter((e) => !got.includes(e.getAttribute("data-stop"))).map((e) => e.outerHTML.slice(0, 80)), [...reached]);
  check(all > 100 && missed.length === 0, `the keyboard reaches each of ${all} things that a pointer can use ${missed.slice(0, 3).join(" ")}`);
  const inPage = stops.filter((s) => s.tag !== "BODY");
  check(inPage.every((s) => s.outline), "every stop shows where the focus is");
  for (const kind of ["row", "element", "plain"]) check(inPage.some((s) => s.kind.includes(kind)), `the keyboard reaches .${kind}`);
  check(inPage.some((s) => s.tag === "svg"), "the keyboard reaches the charts");
  await tab.locator("button.row").first().focus();
  await tab.keyboard.press("Enter");
  check((await tab.locator("button.row").first().getAttribute("aria-expanded")) === "false", "Enter closes a threat");
  await tab.keyboard.press("Enter");
  check((await tab.locator("button.row").first().getAttribute("aria-expanded")) === "true", "and opens it");
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

// --- axe-core: what people with a screen reader, a keyboard or weak eyes would stumble over ---
const axe = readFileSync(createRequire(resolve(build, "web/package.json")).resolve("axe-core/axe.min.js"), "utf8");
for (const [what, options] of [["light", {}], ["dark", { colorScheme: "dark" }], ["narrow", { viewport: { width: 380, height: 844 } }]]) {
  const [tab, seen] = await open(path, options);
  await tab.waitForFunction((name) => document.title.startsWith(name), fixture.result.system.name);
  for (const closed of await tab.$$("details:not([open]) > summary")) await closed.click();
  for (const row of await tab.$$("button.row")) await row.click();
  const run = async () => {
    const found = await tab.evaluate(async (source) => {
      if (!window.axe) new Function("module", source)(undefined);
      return (await window.axe.run(document, { resultTypes: ["violations"] })).violations.map((v) => ({ id: v.id, impact: v.impact, where: v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")) }));
    }, axe);
    return found;
  };
  const grave = (await run()).filter((v) => ["serious", "critical"].includes(v.impact));
  check(grave.length === 0, `axe finds nothing serious in ${what}, with everything open ${JSON.stringify(grave).slice(0, 900)}`);
  if (what === "light") {
    await tab.evaluate(() => document.querySelector("button.row").replaceChildren());
    check((await run()).some((v) => v.id === "button-name"), "and it would have found a button without a name");
  }
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

// --- much to show: 200 threats, 60 elements, long names, 14 steps; and every member that older programs did not write ---
{
  const many = structuredClone(fixture);
  const long = "A very long name that somebody in procurement gave to this thing a good many years ago, number ";
  const { result, draw } = many;
  draw.diagram.elements = Array.from({ length: 60 }, (_, i) => ({ ...fixture.draw.diagram.elements[i % 10], id: `e${i}`, name: i % 3 ? `Service ${i}` : long + i, boundary: null, x: 20 + (i % 8) * 260, y: 20 + Math.floor(i / 8) * 110, w: 230, h: 50 }));
  Object.assign(draw.diagram, { boundaries: [], flows: [], width: 2120, height: 920 });
  result.threats = Array.from({ length: 200 }, (_, i) => {
    const t = fixture.result.threats[i % fixture.result.threats.length];
    const id = `${t.rule}@e${i % 60}-${i}`;
    draw.threats[id] = draw.threats[t.id];
    return { ...t, id, on: `e${i % 60}`, title: i % 5 ? t.title : long + i };
  });
  result.not_tried = result.threats.filter((t) => t.status === "untried").map((t) => ({ threat: t.id, title: t.title, severity: t.severity, reason: t.reason }));
  result.system.name = long + "one";
  result.verdict[0] = `Of 200 threats that apply or may apply, 34 were tried and 30 of them were demonstrated (${["evasion", "model extraction", "poisoned crowd data"].map((w) => `${w} at the-inference-api-of-the-second-european-region`).join(", ")} and 27 more), 4 are inconclusive; the guess that moves the expected loss most is a-long-id-of-a-scenario.attempts_per_year (a default), with 47 % of its variance.`;
  result.roadmap.steps = Array.from({ length: 14 }, (_, i) => ({ ...fixture.result.roadmap.steps[0], control: `c${i}`, name: i % 2 ? long + i : `Control ${i}`, requires: i ? [`c${i - 1}`] : [] }));
  result.risk.appetite = Array.from({ length: 6 }, (_, i) => ({ ...result.risk.appetite[0], loss: 10000 * 3 ** i, allowed: 0.4 / 3 ** i }));
  const [tab, seen] = await open(page(many, "many.html"));
  check((await tab.$$(".threats tbody")).length === 200 && seen.trouble.length === 0, `two hundred threats are shown ${seen.trouble.join(" | ").slice(0, 200)}`);
  check((await tab.evaluate(() => document.documentElement.scrollWidth)) <= 1280, "and nothing hangs over the edge");
  await tab.emulateMedia({ media: "print" });
  await tab.setViewportSize({ width: Math.round((180 / 25.4) * 96), height: 1000 });
  // What of A4 and Letter is the lower one, less our margins: 279 - 31 mm.
  const sheet = await tab.evaluate(() => document.querySelector("#verdict").getBoundingClientRect().bottom - document.querySelector(".page > header").getBoundingClientRect().top);
  check(sheet <= (248 / 25.4) * 96, `the executive view fits on one sheet of A4 or Letter (${Math.round((sheet / 96) * 25.4)} of 248 mm)`);
  await seen.context.close();

  const old = structuredClone(fixture);
  for (const member of ["stages", "stage_warning", "roadmap"]) delete old.result[member];
  for (const member of ["tvar", "tornado"]) delete old.result.risk[member];
  for (const t of old.result.threats) for (const member of ["why", "impact", "fix", "check", "check_reason", "evidence", "references", "cwe"]) delete t[member];
  delete old.draw.glossary;
  const [was, watch] = await open(page(old, "old.html"));
  check((await was.$$("h2")).length >= 8 && watch.trouble.length === 0, `a report without the newer members opens ${watch.trouble.join(" | ").slice(0, 200)}`);
  await watch.context.close();

  const flat = structuredClone(fixture);
  Object.assign(flat.result.roadmap, { steps: [], left_out: [], combined: null, combined_reason: "there is nothing to run" });
  Object.assign(flat.result.risk, { exceedance: [], appetite: [], tornado: [] });
  const [none, look] = await open(page(flat, "flat.html"));
  check((await none.textContent("#roadmap")).includes("No proposed control is worth what it costs") && look.trouble.length === 0, `a roadmap without a step says that nothing is worth its cost ${look.trouble.join(" | ").slice(0, 200)}`);
  await look.context.close();

  const wrong = structuredClone(fixture);
  wrong.result.threats = null;
  const [sorry] = await open(page(wrong, "wrong.html"));
  check((await sorry.textContent(".broken")).length > 10, "a report that cannot be drawn says so instead of staying white");
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
