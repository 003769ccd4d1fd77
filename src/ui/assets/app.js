// Everything here is an extra: each page works without it.
"use strict";

try {
  // A draft ends when the house says that it took what was sent, and not before.
  const taken = document.cookie.split("; ").find((one) => one.startsWith("taken="));
  const sent = sessionStorage.getItem("sent");
  if (taken && sent) localStorage.removeItem(sent);
  if (taken) { document.cookie = "taken=; Path=/; Max-Age=0"; sessionStorage.removeItem("sent"); }
} catch { /* storage may be refused */ }

// Times are shown in the zone of this place; the house is told once, and again when somebody travels.
try {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // One that was chosen by hand stays until the place changes.
  if (zone && zone !== localStorage.getItem("zone") && /^[A-Za-z0-9_+\-/]+$/.test(zone)) {
    localStorage.setItem("zone", zone);
    document.cookie = `zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax`;
    if ("member" in document.body.dataset) fetch("/settings/zone", { method: "POST", body: new URLSearchParams({ zone }), redirect: "manual" }).catch(() => {});
  }
} catch { /* cookies may be refused */ }

// An answer that is a page is shown in the place of this one, with the files that were chosen and not taken yet.
function shown(form, request) {
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const fresh = page.querySelector("form.compose[data-draft]");
  document.title = page.title;
  if (fresh) {
    const [old, now] = [form, fresh].map((one) => one.querySelector("input[name=file]"));
    const known = (one) => one.querySelectorAll("input[name=media]").length;
    const left = new DataTransfer();
    // They are taken one after the other.
    for (const file of old ? [...old.files].slice(Math.max(0, known(fresh) - known(form))) : []) left.items.add(file);
    if (now) now.files = left.files;
    form.replaceWith(fresh);
    compose(fresh);
  } else {
    document.querySelector("main").replaceWith(page.querySelector("main") || page.body);
  }
  (document.querySelector("[data-error], .error") || document.querySelector("main")).scrollIntoView();
}

function compose(form) {
  const text = form.querySelector("textarea[name=text]");
  const count = form.querySelector("[data-count]");
  const key = "draft:" + form.dataset.draft;
  try {
    // A draft is kept on this device until it is sent.
    const draft = localStorage.getItem(key) || "";
    // What comes along, such as something shared, is added to it.
    if (draft.includes(text.value.trim())) text.value = draft || text.value;
    else if (draft) text.value = draft + "\n" + text.value;
    text.addEventListener("input", () => localStorage.setItem(key, text.value));
  } catch { /* storage may be refused */ }
  // A moment is meant in the time of this place.
  const zone = form.querySelector("input[name=zone]");
  const at = form.querySelector("input[name=at]");
  // The clocks may stand otherwise by then.
  const meant = () => { zone.value = -(at && at.value ? new Date(at.value) : new Date()).getTimezoneOffset(); };
  if (zone && at) { at.addEventListener("input", meant); form.addEventListener("submit", meant); }
  if (zone) { meant(); zone.parentElement.querySelectorAll("[data-utc]").forEach((note) => { note.hidden = true; }); }
  const show = () => { if (count) count.textContent = text.value.length || ""; };
  text.addEventListener("input", show);
  show();
  form.addEventListener("submit", (event) => {
    try { sessionStorage.setItem("sent", key); } catch { /* as above */ }
    const files = form.querySelector("input[type=file]");
    const bar = form.querySelector("progress");
    if (!files || !files.files.length || !bar) return;
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (e) => { bar.hidden = false; if (e.lengthComputable) bar.value = e.loaded / e.total; });
    request.addEventListener("load", () => {
      if (request.status < 400 && request.responseURL !== form.action) { location.href = request.responseURL; return; }
      bar.hidden = true;
      shown(form, request);
    });
    request.addEventListener("error", () => { bar.hidden = true; form.submit(); });
    request.send(new FormData(form, event.submitter));
  });
  const chosen = form.querySelector("input[name=file]");
  const cover = form.querySelector("input[name=cover]");
  if (chosen && cover) chosen.addEventListener("change", async () => {
    const film = [...chosen.files].find((file) => file.type.startsWith("video/"));
    const loud = film || [...chosen.files].some((file) => file.type.startsWith("audio/"));
    if (loud) cover.closest("label").hidden = false;
    if (film && !cover.files.length) await still(film, cover).catch(() => { /* the server may draw one */ });
  });
  // Files can be dropped anywhere on the form, or pasted into the text.
  const add = (more) => {
    if (!chosen || !more.length) return;
    const all = new DataTransfer();
    for (const file of [...chosen.files, ...more]) all.items.add(file);
    chosen.files = all.files;
    chosen.dispatchEvent(new Event("change"));
  };
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("dropping"); });
  form.addEventListener("dragleave", () => form.classList.remove("dropping"));
  form.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    form.classList.remove("dropping");
    add(event.dataTransfer.files);
  });
  text.addEventListener("paste", (event) => add(event.clipboardData.files));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
document.querySelectorAll("form.compose[data-draft]").forEach(compose);

// Somebody is at an invitation, and not only a program that looks at every link.
for (const form of document.querySelectorAll("form[data-opened]")) {
  const here = () => { fetch(form.dataset.opened, { method: "POST" }).catch(() => {}); };
  for (const sign of ["pointerdown", "pointermove", "keydown", "touchstart", "focusin"]) addEventListener(sign, () => { here.done = here.done || (here(), true); }, { once: true, passive: true });
}

// A poster for a chosen video: what it shows after a second.
async function still(file, into) {
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(file);
  try {
    await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = failed; setTimeout(failed, 10000); });
    await new Promise((done) => { video.onseeked = done; video.currentTime = Math.min(1, (video.duration || 0) / 2); });
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, 1200 / video.videoWidth);
    canvas.width = video.videoWidth * scale;
    canvas.height = video.videoHeight * scale;
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    const files = new DataTransfer();
    files.items.add(new File([picture], "poster.jpg", { type: "image/jpeg" }));
    if (!into.files.length) into.files = files.files;
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});

// The look of the house is tried out while it is chosen.
const look = document.querySelector("form[data-look]");
if (look) {
  let waiting;
  const shown = {};
  const draw = async () => {
    const values = new URLSearchParams([...new FormData(look)].filter(([, value]) => typeof value === "string"));
    const page = new DOMParser().parseFromString(await (await fetch("/operator/look?" + values)).text(), "text/html");
    const old = document.querySelector("link[data-draft]");
    const theme = document.importNode(page.querySelector("link[data-draft]"));
    theme.addEventListener("load", () => old.remove());
    old.after(theme);
    document.querySelector("[data-preview]").replaceWith(page.querySelector("[data-preview]"));
    if (shown.hero) for (const sample of document.querySelectorAll(".sample")) {
      const picture = sample.querySelector("img") || sample.insertAdjacentElement("afterbegin", new Image());
      picture.className = "hero-picture";
      picture.alt = "";
      picture.src = shown.hero;
    }
  };
  look.querySelector("[data-no-script]").hidden = true;
  look.addEventListener("input", (event) => {
    if (event.target.name === "hero") {
      if (shown.hero) URL.revokeObjectURL(shown.hero);
      shown.hero = event.target.files[0] && URL.createObjectURL(event.target.files[0]);
    }
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  });
}

// What changes while a page is looked at: the server hints, the page is asked for again, and what is new is shown.
const live = { source: null, parts: new Set(), timer: 0, left: 0, counted: 0 };
async function bringUpToDate() {
  live.timer = 0;
  const parts = [...live.parts];
  live.parts.clear();
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
    // What somebody is in the middle of stays as it is.
    if (old && fresh && !old.contains(document.activeElement) && !old.querySelector("details.menu[open], audio, video")) old.replaceWith(fresh);
  }
}
// Whoever comes back to a page that was hidden for a while is told what they missed.
async function comeBack() {
  outdated("[data-part=answers]", "[data-part=acts]", "[data-part=done]");
  const first = (page) => page.querySelector("article.post")?.id;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const button = document.querySelector("[data-fresh]");
  if (button && first(page) !== first(document) && !location.search.includes("before=")) button.hidden = false;
}
function outdated(...parts) {
  parts.forEach((part) => live.parts.add(part));
  live.timer ||= setTimeout(bringUpToDate, 300 + Math.random() * 900);
}
// What is under way is looked at again until it is done.
function watchWork() {
  const parts = [...document.querySelectorAll("[data-again]")].map((part) => `[data-part=${part.dataset.part}]`);
  if (parts.length === 0) return;
  if (!document.hidden) outdated(...parts);
  setTimeout(watchWork, 2500);
}
watchWork();
function watchPage() {
  if (live.source || document.hidden) return;
  live.source = new EventSource("/live?page=" + encodeURIComponent(document.body.dataset.page) + "&since=" + document.body.dataset.drawn);
  const on = (name, then) => live.source.addEventListener(name, (event) => then(event.data));
  on("unread", (count) => {
    const badge = document.querySelector("[data-unread]");
    if (badge) { badge.textContent = count; badge.hidden = count === "0"; }
  });
  on("fresh", () => {
    const button = document.querySelector("[data-fresh]");
    if (button && !new URLSearchParams(location.search).has("before")) button.hidden = false;
  });
  on("changed", (id) => { if (document.getElementById("post-" + id) && Date.now() - live.counted > 10000) live.counted = Date.now(), outdated(`#post-${id} > .acts`, `#post-${id} > .content`, `#post-${id} > .poll`); });
  on("thread", () => outdated("[data-part=answers]"));
  on("gone", (id) => document.getElementById("post-" + id)?.remove());
  on("done", () => { live.source?.close(); outdated("[data-part=done]"); });
  on("related", () => outdated("[data-part=acts]"));
}
if (window.EventSource && document.body.dataset.page) {
  addEventListener("load", watchPage);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { live.source?.close(); live.source = null; live.left = Date.now(); return; }
    watchPage();
    if (Date.now() - live.left > 8000) comeBack();
  });
}

// Shortcuts: one key each, off where somebody types or switched them off; the page /shortcuts lists them.
const keys = {
  h: () => { location.href = "/home"; },
  l: () => { location.href = "/local"; },
  i: () => { location.href = "/notifications"; },
  n: () => { location.href = "/compose"; },
  "/": () => { location.href = "/search"; },
  "?": () => { location.href = "/shortcuts"; },
  j: () => step(1),
  k: () => step(-1),
  o: () => here()?.querySelector("a.time")?.click(),
  r: () => here()?.querySelector(".acts a")?.click(),
  f: () => press("favourite"),
  b: () => press("boost"),
};
function here() { return document.activeElement?.closest("article.post"); }
function step(by) {
  const posts = [...document.querySelectorAll("article.post")];
  const next = posts[Math.max(0, Math.min(posts.length - 1, posts.indexOf(here()) + by))];
  if (!next) return;
  next.tabIndex = -1;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
function press(verb) { here()?.querySelector(`form[action$="/${verb}"] button, form[action$="/un${verb}"] button, .acts a[href*="verb=${verb === "boost" ? "announce" : "like"}"]`)?.click(); }
let quiet = false;
try { quiet = localStorage.getItem("no-shortcuts") === "1"; } catch { /* storage may be refused */ }
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (quiet || typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
const choice = document.querySelector("input[data-shortcuts]");
if (choice) {
  choice.closest("label").hidden = false;
  choice.checked = !quiet;
  choice.addEventListener("change", () => {
    quiet = !choice.checked;
    try { localStorage.setItem("no-shortcuts", quiet ? "1" : "0"); } catch { /* as above */ }
  });
}

// The house as an app on the device: a page for when there is no network, and news when somebody asked for them.
if ("serviceWorker" in navigator && window.isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => { /* it works without */ });
const device = document.querySelector("[data-push]");
if (device && "PushManager" in window && window.isSecureContext) {
  const state = async () => (await navigator.serviceWorker.ready).pushManager.getSubscription();
  const show = async () => { const on = "told" in device.dataset && Boolean(await state()); device.hidden = false; device.querySelector("[data-on]").hidden = on; device.querySelector("[data-off]").hidden = !on; };
  const tell = (body) => fetch("/notifications/device", { method: "POST", body });
  device.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const note = device.querySelector("[role=status]");
    try {
      if (button.hasAttribute("data-off")) {
        await (await state())?.unsubscribe();
        await tell(new URLSearchParams({ endpoint: "" }));
        delete device.dataset.told;
      } else {
        const made = await (await navigator.serviceWorker.ready).pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: device.dataset.push });
        const { endpoint, keys } = made.toJSON();
        const answer = await tell(new URLSearchParams({ endpoint, key: keys.p256dh, auth: keys.auth }));
        if (!answer.ok) throw new Error(answer.status);
        device.dataset.told = "";
      }
      note.textContent = "";
    } catch {
      await (await state())?.unsubscribe();
      note.textContent = device.dataset.refused;
    }
    show();
  });
  show();
}
