// What the pages do in the browser beyond htmx: keys, copying, theme, times, polling.
// Everything works without it except these; nothing here builds markup from text.

const find = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// --- Times: the server writes UTC; people may read their own zone. -----------------

const zone = {
  read: () => (localStorage.getItem("roadbed-zone") === "utc" ? "utc" : "local"),
  write: (name) => localStorage.setItem("roadbed-zone", name),
};

const two = (number) => String(number).padStart(2, "0");

function clock(date, utc) {
  const [h, m, s] = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return [h, m, s].map(two);
}

function day(date, utc) {
  const [y, m, d] = utc
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
    : [date.getFullYear(), date.getMonth(), date.getDate()];
  return `${y}-${two(m + 1)}-${two(d)}`;
}

function showTimes() {
  const utc = zone.read() === "utc";
  for (const element of all("time[data-time]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.valueOf())) continue;
    const [h, m, s] = clock(date, utc);
    const text = element.dataset.time === "clock" ? `${h}:${m}` : `${day(date, utc)} ${h}:${m}:${s}`;
    if (element.textContent !== text) element.textContent = text;
  }
}

function nameZone() {
  const button = find("[data-zone-toggle]");
  if (!button) return;
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  const size = Math.abs(minutes);
  const offset = `UTC${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  button.textContent = zone.read() === "utc" ? "Times: UTC" : "Times: local";
  button.title = zone.read() === "utc" ? "Show times in your zone" : `Your zone is ${offset}; show UTC`;
}

// --- Theme: kept in a cookie, so that the server writes it and nothing flashes. ------

const THEMES = ["auto", "light", "dark"];

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function setTheme(name) {
  const life = name === "auto" ? 0 : 31536000;
  document.cookie = `roadbed-theme=${name}; Path=/console; Max-Age=${life}; SameSite=Strict`;
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  nameTheme();
}

function nameTheme() {
  const button = find("[data-theme-toggle]");
  if (button) button.textContent = `Theme: ${theme()}`;
}

// --- Polling: people can pause it, and a hidden page does not ask. ---------------------

let paused = false;

function pause(on) {
  paused = on;
  for (const button of all("[data-live]")) {
    button.toggleAttribute("data-paused", on);
    button.title = on ? "Resume the refresh" : "Pause the refresh";
    button.textContent = on ? "Paused" : "Live";
  }
}

document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail?.ctx?.sourceElement;
  if (source?.matches?.("[data-poll]") && (paused || document.hidden)) event.preventDefault();
});

document.addEventListener("htmx:error", (event) => {
  const source = event.detail?.ctx?.sourceElement;
  if (!source?.matches?.("[data-poll]")) return notice("The server did not answer. Try again.");
  notice("The server does not answer. What you see may be old; the page keeps asking.");
});

document.addEventListener("htmx:after:swap", (event) => {
  const notice = find("#notice");
  const failed = (event.detail?.ctx?.response?.status ?? 200) >= 400;
  if (notice && !failed) notice.replaceChildren();
});

function notice(text) {
  const place = find("#notice");
  if (!place) return;
  const line = document.createElement("p");
  line.textContent = text;
  place.replaceChildren(line);
}

// --- Copying -------------------------------------------------------------------------

function say(text) {
  const place = find("#said");
  if (place) place.textContent = text;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied");
    button.title = "Copied";
  } catch {
    const text = button.parentElement?.querySelector("code");
    if (text) getSelection()?.selectAllChildren(text);
    say("Selected; copy it with your keyboard");
  }
}

// --- Rows ------------------------------------------------------------------------------

const LINK = ".row-link, [data-row-focus]";

function rowLinks() {
  return all("[data-row]").map((row) => find(LINK, row)).filter(Boolean);
}

function chosenIndex(links) {
  const focused = links.findIndex((link) => link.closest("[data-row]").contains(document.activeElement));
  return focused >= 0 ? focused : links.findIndex((link) => link.getAttribute("aria-current") === "true");
}

function move(step) {
  const links = rowLinks();
  if (!links.length) return;
  const at = chosenIndex(links);
  const next = Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + step));
  const link = links[next];
  link.focus();
  link.closest("[data-row]").scrollIntoView({ block: "nearest" });
  if (find("#peek") && link.hasAttribute("hx-get") && next !== at) look(link);
}

// Walking with the panel open replaces the address: Back leaves the walk at once.
function look(link) {
  htmx.ajax("GET", link.getAttribute("href"), {
    source: link, target: "#board", swap: "outerMorph", push: "false", replace: "true",
    headers: { "HX-Target": "div#board" },
  });
}

function openRow() {
  const links = rowLinks();
  const at = chosenIndex(links);
  const link = at < 0 ? find("[data-open]") : links[at];
  if (link) location.assign(link.dataset.page ?? link.getAttribute("href"));
}

function closePanel() {
  const close = find("[data-close]");
  if (!close) return false;
  const chosen = find(".chosen .row-link");
  close.click();
  chosen?.focus();
  return true;
}

// --- Dialogs: the server opens one that failed, and all of them without this script. ----

function ask(id) {
  const dialog = document.getElementById(id);
  if (dialog.open) dialog.close();
  dialog.showModal();
}

// --- Keys --------------------------------------------------------------------------------

let going = 0;

function isTyping(element) {
  return element?.matches?.("input, textarea, select, [contenteditable]");
}

const KEYS = {
  "/": () => find("[data-filter]")?.focus(),
  "?": () => find("#help")?.showModal(),
  j: () => move(1),
  k: () => move(-1),
  o: openRow,
  p: () => find("[data-live]") && pause(!paused),
  g: () => { going = performance.now(); },
};

function go(key) {
  going = 0;
  const link = find(`[data-go="${CSS.escape(key)}"]`);
  if (link) location.assign(link.href);
}

// A page may give keys to its own buttons, links and fields.
function press(key) {
  const own = find(`[data-key="${CSS.escape(key)}"]`);
  if (!own) return false;
  if (isTyping(own)) own.focus();
  else own.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.("textarea[data-key]")) {
    event.preventDefault();
    return press("a");
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (find("dialog[open]")) return;
  if (event.key === "Escape") {
    if (isTyping(event.target)) event.target.blur();
    else if (closePanel()) event.preventDefault();
    return;
  }
  if (isTyping(event.target)) return;
  if (going && performance.now() - going < 1500) return go(event.key);
  if (press(event.key)) return event.preventDefault();
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  if (button.matches("[data-dialog]") && document.getElementById(button.dataset.dialog)) { event.preventDefault(); ask(button.dataset.dialog); }
  if (button.matches("[data-copy]")) copy(button);
  if (button.matches("[data-theme-toggle]")) setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  if (button.matches("[data-zone-toggle]")) { zone.write(zone.read() === "utc" ? "local" : "utc"); nameZone(); showTimes(); }
  if (button.matches("[data-live]")) pause(!paused);
  if (button.matches("[data-help]")) find("#help")?.showModal();
  if (button.matches("[data-dismiss]")) find("#notice")?.replaceChildren();
});

// A range that moves and times that stand still exclude each other. Before htmx sends.
document.addEventListener("change", (event) => {
  const form = event.target.closest?.(".filter");
  if (!form) return;
  const range = find("[data-range]", form);
  const moments = all("[data-moment]", form);
  if (event.target === range && range.value !== "custom") for (const each of moments) each.value = "";
}, true);

// "Custom" alone is not yet a question: wait for a time.
document.addEventListener("htmx:before:request", (event) => {
  const form = event.detail?.ctx?.sourceElement;
  if (!form?.matches?.(".filter")) return;
  const custom = find("[data-range]", form)?.value === "custom";
  if (custom && all("[data-moment]", form).every((each) => !each.value)) event.preventDefault();
});

// --- Start -----------------------------------------------------------------------------------

// A morph writes the server's UTC back; this puts it right before it is painted.
nameTheme();
nameZone();
showTimes();
for (const dialog of all("dialog.act[open]")) { scrollTo(0, 0); ask(dialog.id); }
new MutationObserver(showTimes).observe(document.body, { subtree: true, childList: true, characterData: true });
document.documentElement.dataset.ready = "yes";
