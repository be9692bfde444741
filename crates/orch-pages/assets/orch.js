// Comfort only: every page and form works without it. Served from the same origin; nothing inline.
const root = document.documentElement, body = document.body, base = body.dataset.base || "";
const one = (selector, of = document) => of.querySelector(selector);
const all = (selector, of = document) => [...of.querySelectorAll(selector)];
const words = Object.fromEntries((body.dataset.words || "").split("|").map((pair) => pair.split("=")));

// The time zone, so that the next page says times as this browser has them.
try {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`orch-zone=${zone}`)) document.cookie = `orch-zone=${zone}; Path=${base || "/"}; Max-Age=31536000; SameSite=Lax`;
} catch { /* UTC then */ }

// Ages go on counting.
const units = (body.dataset.units || "s|min|h|d").split("|");
const age = (seconds) => {
  const [value, unit] = seconds < 60 ? [seconds, 0] : seconds < 3600 ? [seconds / 60, 1] : seconds < 86400 ? [seconds / 3600, 2] : [seconds / 86400, 3];
  return `${Math.floor(value)}\u00a0${units[unit]}`;
};
const count = () => {
  for (const time of all("time[data-live]")) {
    const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
    if (seconds >= 86400 && time.dataset.live === "ago") continue;
    const text = age(seconds), said = time.dataset.live === "ago" ? (body.dataset.ago || "{}").replace("{}", text) : text;
    if (time.textContent !== said) time.textContent = said;
  }
};
setInterval(count, 30000);
for (const time of all("time[title]")) time.addEventListener("click", () => { const text = time.textContent; time.textContent = time.title; time.title = text; });

// A press shows its state in the button, and is sent once.
document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method !== "post") return;
  form.dataset.sent = "1";
  if (button) setTimeout(() => { button.setAttribute("aria-busy", "true"); }, 0);
  setTimeout(() => { delete form.dataset.sent; button?.removeAttribute("aria-busy"); }, 10000);
});

// What is looked at is exchanged only while nobody is in it.
const busy = (part) => {
  const at = document.activeElement;
  if (at && at !== body && part.contains(at) && at.closest("form, details, button")) return true;
  if (one("details[open]", part)) return true;
  if (all("textarea, input:not([type=hidden]):not([type=checkbox])", part).some((field) => field.value !== field.defaultValue)) return true;
  const chosen = document.getSelection();
  return !!chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode);
};
const plain = (html) => html.replace(/name="(csrf|key)" value="[^"]*"/g, "").replace(/(<time[^>]*>)[^<]*/g, "$1").replace(/ data-held="1"/g, "");
const news = one("#news");
let fresh = 0;
const tell = (text, button, press) => {
  if (!news) return;
  news.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
  const show = Object.assign(document.createElement("button"), { className: "btn", type: "button", textContent: button });
  show.addEventListener("click", press);
  news.append(show);
  news.hidden = false;
};
const exchange = (page) => {
  let waits = 0;
  for (const part of all("[data-part]")) {
    const next = page.getElementById(part.id);
    if (!next) { if (part.closest("[data-list]")) { part.classList.add("gone"); } continue; }
    if (plain(next.outerHTML) === plain(part.outerHTML)) continue;
    if (busy(part) || part.matches("li:hover, aside:hover .card:hover")) { waits += part.matches("li") ? 0 : 1; continue; }
    const focus = document.activeElement?.closest("[id]")?.id;
    part.replaceWith(document.importNode(next, true));
    if (focus && !document.activeElement?.closest("[id]")) document.getElementById(focus)?.focus();
  }
  for (const list of all("[data-list]")) {
    const next = page.getElementById(list.id);
    if (next) waits += [...next.children].filter((row) => row.id && !document.getElementById(row.id)).length;
  }
  waits += [...page.querySelectorAll("[data-list]")].filter((list) => !document.getElementById(list.id)).length;
  for (const cards of all("[data-cards]")) {
    const next = page.getElementById(cards.id);
    if (!next) continue;
    const ids = (of) => [...of.children].map((card) => card.id).join(" ");
    if (ids(next) === ids(cards)) continue;
    if (busy(cards) || cards.matches(":hover")) waits += 1;
    else { cards.replaceWith(document.importNode(next, true)); body.classList.toggle("has-ask", page.body.classList.contains("has-ask")); }
  }
  count();
  fresh = waits;
  if (waits) tell(words.news.replace("{}", waits), words.show, () => location.reload());
  else if (news) news.hidden = true;
};
let asking = false, again = false;
const refresh = async () => {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const reply = await fetch(location.pathname + location.search, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (reply.redirected && new URL(reply.url).pathname.endsWith("/login")) { location.reload(); return; }
    if (reply.ok) exchange(new DOMParser().parseFromString(await reply.text(), "text/html"));
  } catch { /* the stream says that the connection is lost */ }
  asking = false;
  if (again) { again = false; later(); }
};
let timer = 0, last = 0;
const later = () => { clearTimeout(timer); timer = setTimeout(() => { last = Date.now(); refresh(); }, Math.max(60, 700 - (Date.now() - last))); };

// One stream a page. A hidden page lets go of it, and asks once when it is looked at again.
let stream = null, after = body.dataset.after, wait = 1000, lostAt = 0, ticking = 0;
const lost = one("#lost");
const dots = (text, gone) => { for (const dot of all(".live")) { dot.classList.toggle("lost", gone); const said = one(".said", dot); if (said && said.textContent !== text) said.textContent = text; } };
const sayLost = () => {
  const seconds = Math.round((Date.now() - lostAt) / 1000);
  if (seconds >= 3) dots(words.lost, true);
  if (seconds < 10 || !lost) return;
  lost.hidden = false;
  lost.replaceChildren(Object.assign(document.createElement("p"), { textContent: words.gone.replace("{}", age(seconds)) }));
  const now = Object.assign(document.createElement("button"), { className: "btn", type: "button", textContent: words.now });
  now.addEventListener("click", open);
  lost.append(now);
};
const came = () => {
  const was = lostAt;
  lostAt = 0; wait = 1000; clearInterval(ticking);
  dots(words.live, false);
  if (lost) lost.hidden = true;
  if (was) later();
};
function open() {
  if (!after || document.hidden || !window.EventSource) return;
  stream?.close();
  stream = new EventSource(`${base}/events?after=${encodeURIComponent(after)}`);
  const take = (event) => { came(); if (event.lastEventId) after = event.lastEventId; };
  stream.addEventListener("here", take);
  stream.addEventListener("lost", (event) => { take(event); later(); });
  stream.addEventListener("changed", (event) => {
    take(event);
    const of = body.dataset.of, names = event.data.split(" ");
    if (!of || names.includes(of) || names.includes(of.split("/")[0])) later();
  });
  stream.onerror = () => {
    stream.close();
    if (!lostAt) { lostAt = Date.now(); clearInterval(ticking); ticking = setInterval(sayLost, 1000); }
    setTimeout(open, wait + Math.random() * 300);
    wait = Math.min(wait * 2, 30000);
  };
}
document.addEventListener("visibilitychange", () => { if (document.hidden) { stream?.close(); stream = null; } else if (after) { open(); later(); } });
open();

// The log follows from its end alone.
const log = one("#log[data-follow]"), following = one("#following");
if (log && window.EventSource) {
  const MOST = 2000, list = one("ol", log);
  let follows = true, number = list.children.length ? Number(list.lastElementChild.id.slice(1)) : 0;
  const bottom = () => { log.scrollTop = log.scrollHeight; };
  const set = (on) => { follows = on; if (following) { following.setAttribute("aria-pressed", String(on)); following.textContent = on ? following.dataset.on : following.dataset.off; } if (on) bottom(); };
  if (following) { following.hidden = false; following.addEventListener("click", () => set(!follows)); }
  log.addEventListener("scroll", () => { const end = log.scrollHeight - log.scrollTop - log.clientHeight < 24; if (end !== follows) set(end); });
  const add = (text) => {
    for (const line of text.split("\n")) {
      number += 1;
      const row = document.createElement("li"), at = document.createElement("a"), said = document.createElement("span");
      row.id = `L${number}`; at.className = "at"; at.href = `#L${number}`; at.textContent = number; said.textContent = line;
      row.append(at, said); list.append(row);
      if (list.children.length > MOST) list.firstElementChild.remove();
    }
    all("#log > p").forEach((empty) => empty.remove());
    if (follows) bottom();
  };
  const read = new EventSource(log.dataset.follow);
  read.addEventListener("lines", (event) => add(event.data));
  read.addEventListener("ended", () => read.close());
  // From where it stopped a page that is loaded anew goes on.
  read.onerror = () => { read.close(); };
  bottom();
} else if (log) { log.scrollTop = log.scrollHeight; }

// Keys: never while somebody types, never with a modifier; a key moves to a button, only Enter presses it.
const store = (value) => { try { return value === undefined ? localStorage.getItem("orch-keys") : localStorage.setItem("orch-keys", value); } catch { return null; } };
const box = one("#keys-off");
if (box) { box.closest("[hidden]")?.removeAttribute("hidden"); box.checked = store() === "off"; box.addEventListener("change", () => store(box.checked ? "off" : "on")); }
const go = { i: "inbox", b: "board", l: "lane", r: "runs", q: "waiting", p: "costs" };
let prefix = "", timeout = 0;
const move = (by) => { const rows = all(".rows .ti a, .asked .ttl a"); if (!rows.length) return; const at = rows.indexOf(document.activeElement); rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))].focus(); };
const marks = (by) => { const found = all("#log mark"); if (!found.length) return; marks.at = ((marks.at ?? (by > 0 ? -1 : 0)) + by + found.length) % found.length; found[marks.at].scrollIntoView({ block: "center" }); };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || store() === "off" || event.target.closest("input, textarea, select, dialog[open]")) return;
  const reach = (selector) => { const found = one(selector); if (found) { event.preventDefault(); found.focus(); if (found.tagName === "SUMMARY" && !found.parentElement.open) found.click(); } };
  if (prefix === "g" && go[event.key]) { location.href = `${base}/${go[event.key]}`; return; }
  prefix = event.key === "g" ? "g" : ""; clearTimeout(timeout); timeout = setTimeout(() => { prefix = ""; }, 1000);
  const tabs = all(".tabs a");
  if (event.key === "j") move(1); else if (event.key === "k") move(-1);
  else if (event.key === "/") reach("main input[type=search]");
  else if (event.key === "?") one("dialog.help")?.showModal();
  else if (event.key === "a") reach("[data-key=a]");
  else if (event.key === "r") reach("[data-key=r]");
  else if (event.key === "f") following?.click();
  else if (event.key === "n") marks(1); else if (event.key === "N") marks(-1);
  else if (event.key === "y") navigator.clipboard?.writeText(location.href).catch(() => {});
  else if (event.key === "c") { const link = one('a[href$="/new"]'); if (link) link.click(); }
  else if (tabs[Number(event.key) - 1]) tabs[Number(event.key) - 1].click();
});
for (const link of all("[data-open-help]")) link.addEventListener("click", (event) => { event.preventDefault(); one("dialog.help")?.showModal(); });
