// Drives the dashboard of a living demo: every page and button, wide and on a phone, both languages and colours.
// Nothing may be an error of the console, scroll sideways, or violate a rule of axe.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { ORCH_BROWSER_PACKAGES: packages, ORCH_BROWSER_SHOTS: shots, ORCH_BROWSER_PROGRAM: program } = process.env;
const require = createRequire(join(packages, "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browserProgram = process.env.ORCH_BROWSER || "/usr/bin/chromium";
mkdirSync(shots, { recursive: true });

const faults = [];
const fault = (text) => { if (!faults.includes(text)) { faults.push(text); console.log(`FAULT ${text}`); } };
const begun = Date.now();
const tell = (text) => console.log(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${text}`);

// The line: people are asked, and answer here alone.
const demo = spawn(program, ["demo", "--manual", "--open"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, PATH: process.env.PATH } });
let said = "";
const link = await new Promise((found, lost) => {
  demo.stdout.on("data", (data) => {
    said += data;
    const match = said.match(/http:\/\/\S+\/enter\/\S+/);
    if (match) found(match[0]);
  });
  demo.on("exit", (code) => lost(new Error(`the demo ended (${code}): ${said}`)));
});
// Whatever goes wrong here, the line ends in good order.
process.on("exit", () => { if (demo.exitCode === null) demo.kill("SIGINT"); });
const origin = new URL(link).origin;
tell("the line runs");

const profile = mkdtempSync(join(tmpdir(), "orch-browser-"));
const browser = await chromium.launch({
  executablePath: browserProgram,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const WIDE = { width: 1440, height: 900 }, PHONE = { width: 390, height: 844 };

const watched = (page, name) => {
  page.on("console", (message) => {
    // The browser tells of answers it got; what a page is answered is looked at below.
    if (["error", "warning"].includes(message.type()) && !/Failed to load resource/.test(message.text())) fault(`${name}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fault(`${name}: ${error}`));
  page.on("requestfailed", (request) => { if (!/events/.test(request.url()) && request.failure()?.errorText !== "net::ERR_ABORTED") fault(`${name}: ${request.url()} ${request.failure()?.errorText}`); });
  page.on("response", (response) => { if (response.status() >= 400 && !response.url().endsWith("/favicon.ico") && !response.url().includes("/nothing")) fault(`${name}: ${response.status()} ${response.url()}`); });
};

const check = async (page, name, rules = true) => {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) {
    const who = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".scroll, .tabs, .logbox, pre, .fenced, .sr, svg")).slice(0, 3).map((one) => one.outerHTML.slice(0, 120)));
    fault(`${name}: ${wide} px too wide: ${who.join(" | ")}`);
  }
  if (!rules) return;
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ") + (node.any[0]?.message ? ` (${node.any[0].message})` : "")).join(" · ")}`));
  for (const violation of found) fault(`${name}: ${violation}`);
};

// Playwright's own `evaluate` goes around the page's policy; what the page itself does is held to it.
const context = await browser.newContext({ viewport: WIDE, locale: "en-GB", colorScheme: "light", timezoneId: "Europe/Zurich" });
const page = await context.newPage();
watched(page, "wide");
await page.goto(link);
await check(page, "link");
await page.getByLabel("Name").fill("mira");
await page.getByRole("button", { name: "Come in" }).click();
await page.waitForURL(`${origin}/inbox`);
tell("came in");

// A second page looks on, without a hand on it: what is pressed elsewhere must come by itself.
const onlooker = await context.newPage();
watched(onlooker, "onlooker");
await onlooker.goto(`${origin}/inbox`);
await onlooker.waitForSelector(".asked h2", { timeout: 60000 }).catch(() => fault("no question came by itself"));
tell("a question came by itself");

const press = async (button) => {
  await button.click();
  await page.waitForSelector(".said-once");
  if (await page.locator(".said-once.bad").count()) fault(`refused: ${await page.locator(".said-once").innerText()}`);
};
const ended = async () => {
  const counts = await page.evaluate(async (at) => (await fetch(`${at}/board`)).text(), origin);
  return (counts.match(/class="id"/g) || []).length;
};
let rejected = false, answered = 0, looked = false;
const questions = async () => {
  await page.goto(`${origin}/inbox`);
  const card = page.locator(".asked").first();
  if (!(await card.count())) return false;
  const head = await card.locator("h2").innerText();
  if (!looked) {
    looked = true;
    await page.screenshot({ path: join(shots, "inbox-wide-light.png") });
    await check(page, "inbox with questions");
    await page.goto(`${origin}/inbox`);
    // A key goes to a button and presses nothing.
    await page.keyboard.press("a");
    if (!(await page.evaluate(() => document.activeElement?.closest(".asked") !== null))) fault("the key a goes to no answer");
  }
  const text = card.locator("textarea[name=text]");
  if (await text.count()) {
    await text.fill("Take the words “A report on names”. <b>No</b> more.");
    await press(card.getByRole("button", { name: /Send answer/ }));
  } else if (!rejected && /Approve/.test(head)) {
    rejected = true;
    await card.locator("summary", { hasText: "Reject" }).click();
    await card.locator("textarea[name=reason]").fill("Say what happens with <script>alert(1)</script>.");
    await press(card.getByRole("button", { name: /Send back/ }));
  } else {
    await press(card.getByRole("button", { name: /Approve|Allow this change/ }));
  }
  answered += 1;
  return true;
};

const PAGES = ["inbox", "board", "new", "lane", "runs", "waiting", "costs", "deploys", "reliability", "repositories", "settings", "people", "me", "more"];
const TABS = ["", "/documents", "/changes", "/log", "/history"];
let task = "";
const first = async () => {
  await page.goto(`${origin}/board`);
  task = await page.locator(".rows .ti a").first().getAttribute("href");
};
await first();

// Buttons that are no answer: each on a task or a lane that lives.
await page.goto(`${origin}/new`);
await page.getByLabel("Title").fill("Say <i>goodbye</i> & \"more\"");
await page.getByLabel(/What is wanted/).fill("# Wanted\n\n- a *list*\n- <img src=x onerror=alert(1)>\n\n```\ncode\n```\n");
await page.getByRole("button", { name: "Into the backlog" }).click();
await page.waitForURL(/\/t\//);
const own = new URL(page.url()).pathname;
const fold = async (name) => { await page.locator("#more-acts > summary").click(); await page.locator("#more-acts details > summary", { hasText: name }).click(); };
await page.locator("#more-acts > summary").click();
await press(page.getByRole("button", { name: "Pause", exact: true }));
await page.locator("#more-acts > summary").click();
await press(page.getByRole("button", { name: "Resume", exact: true }));
await fold("Comment");
await page.getByLabel(/Words for the next agent/).fill("Mind the commas.");
await press(page.getByRole("button", { name: "Leave it" }));
await fold("Order");
await page.getByLabel("Priority").fill("5");
await press(page.getByRole("button", { name: "Set the priority" }));
await page.getByRole("link", { name: "Edit the issue" }).first().click();
await page.getByLabel("Title").fill("Say goodbye");
await page.getByRole("button", { name: "Save" }).click();
await page.waitForSelector(".said-once");
await fold("Stop");
await press(page.getByRole("button", { name: /^Stop .* now$/ }));
await page.goto(`${origin}/lane`);
await page.locator("summary", { hasText: "Freeze" }).click();
await page.getByLabel(/Why\?/).fill("a look at the dashboard");
await press(page.getByRole("button", { name: /^Freeze / }));
await press(page.getByRole("button", { name: /^Unfreeze / }));
await press(page.getByRole("button", { name: /^Pause / }));
await press(page.getByRole("button", { name: /^Resume / }));
await page.goto(`${origin}/repositories`);
await press(page.getByRole("button", { name: "Read the settings again" }));
await page.goto(`${origin}/people`);
await page.getByLabel("Name", { exact: true }).fill("anton");
await press(page.getByRole("button", { name: "Add a person" }));
await page.getByRole("button", { name: "Make a log-in link" }).first().click();
await page.waitForSelector("code:has-text('/enter/')");
await page.goto(`${origin}/me`);
await page.getByLabel("New password").fill("a long password");
await press(page.locator("form[action$='/me/password'] button"));
tell("every button beside the answers was pressed");

const taken = new Set();
// Until everything has landed, questions are answered as they come.
const until = Date.now() + 60000;
while (Date.now() < until) {
  if (await questions()) continue;
  await page.goto(`${origin}/board`);
  if (!(await page.locator(".rows li .m.run, .rows li .m.ask").count()) && answered > 0) {
    const open = await page.locator("section.group:not([aria-labelledby='g-done-head']):not([aria-labelledby='g-cancelled-head']) .rows li").count();
    if (open === 0) break;
  }
  if (Date.now() - begun > 20000 && !taken.has("task-running")) {
    const running = page.locator(".rows li:has(.m.run) .ti a").first();
    if (await running.count()) {
      const at = await running.getAttribute("href");
      await page.goto(`${origin}${at}/log`);
      await page.screenshot({ path: join(shots, "task-running-wide-light.png") });
      taken.add("task-running");
    }
  }
  await page.waitForTimeout(400);
}
tell(`${answered} questions were answered`);
if (answered < 5) fault(`only ${answered} questions were answered`);

// Every page: two sizes, two languages, two colours; some at once.
const looks = [];
for (const [width, viewport] of [["wide", WIDE], ["phone", PHONE]]) for (const language of ["en", "ru"]) for (const scheme of ["light", "dark"]) looks.push({ width, viewport, language, scheme });
const PICTURES = ["inbox", "board", "lane", "people", "new", "waiting", "costs", "task", "task-changes", "task-log", "task-documents", "runs"];
const state = await context.storageState();
const look = async ({ width, viewport, language, scheme }) => {
  const name = `${width}-${language}-${scheme}`;
  const looking = await browser.newContext({ viewport, colorScheme: scheme, hasTouch: width === "phone", timezoneId: "Europe/Zurich", storageState: state });
  await looking.addCookies([{ name: "orch-language", value: language, url: origin }]);
  const eye = await looking.newPage();
  watched(eye, name);
  for (const at of [...PAGES.map((path) => `/${path}`), ...TABS.map((tab) => `${task}${tab}`), own]) {
    await eye.goto(`${origin}${at}`);
    const short = at === task ? "task" : at.replace(task, "task").replaceAll("/", "-").replace(/^-/, "");
    if (language === "en" ? PICTURES.includes(short) : scheme === "light" && ["board", "task", "inbox"].includes(short)) await eye.screenshot({ path: join(shots, `${short}-${name}.png`) });
    // Words change no rule but those of widths, which are looked at everywhere.
    await check(eye, `${name} ${short}`, language === "en");
  }
  await looking.close();
};
await Promise.all([0, 1, 2].map(async () => { while (looks.length) await look(looks.shift()); }));
tell("every page was looked at, in two sizes, languages and colours");

// 320 px, twice as large, without script, on paper.
for (const [name, options] of [["narrow", { viewport: { width: 320, height: 640 } }], ["zoom", { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 }], ["no script", { viewport: WIDE, javaScriptEnabled: false }]]) {
  const looking = await browser.newContext({ ...options, storageState: await context.storageState() });
  const eye = await looking.newPage();
  for (const at of ["/inbox", "/board", "/lane", "/people", task, `${task}/log`, `${task}/changes`]) {
    await eye.goto(`${origin}${at}`);
    if (options.javaScriptEnabled !== false) await check(eye, `${name} ${at}`, false);
    else if (!(await eye.locator("h1").count())) fault(`${name}: ${at} shows nothing`);
  }
  await looking.close();
}
await page.emulateMedia({ media: "print" });
await page.goto(`${origin}${task}`);
if (await page.locator(".side, .tabbar, .tabs").evaluateAll((all) => all.some((one) => one.offsetParent))) fault("a menu is printed");
await page.emulateMedia({ media: "screen" });

// The onlooker saw it end without a hand on it.
await onlooker.bringToFront();
await onlooker.waitForFunction(() => !document.querySelector(".asked"), null, { timeout: 15000 }).catch(() => fault("an answered question stayed on the other page"));

await browser.close();
rmSync(profile, { recursive: true, force: true });
demo.removeAllListeners("exit");
const over = new Promise((done) => demo.on("exit", done));
demo.kill("SIGINT");
setTimeout(() => demo.kill("SIGINT"), 1500);
await Promise.race([over, new Promise((done) => setTimeout(done, 20000))]);
tell(faults.length ? `${faults.length} faults` : "no fault");
process.exit(faults.length ? 1 : 0);
