// Everything here is an extra: each page works without it.
"use strict";

try {
  // What was sent and taken needs no draft any more; a page that says what went wrong keeps it.
  const sent = sessionStorage.getItem("sent");
  const back = [...document.querySelectorAll("form.compose textarea[name=text]")].some((text) => text.defaultValue);
  if (sent && !back && !document.querySelector("[data-error]")) localStorage.removeItem(sent);
  if (sent) sessionStorage.removeItem("sent");
} catch { /* storage may be refused */ }

for (const form of document.querySelectorAll("form.compose[data-draft]")) {
  const text = form.querySelector("textarea[name=text]");
  const count = form.querySelector("[data-count]");
  const key = "draft:" + form.dataset.draft;
  try {
    // A draft is kept on this device until it is sent.
    text.value = localStorage.getItem(key) || text.value;
    text.addEventListener("input", () => localStorage.setItem(key, text.value));
  } catch { /* storage may be refused */ }
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
      document.open(); document.write(request.responseText); document.close();
    });
    request.addEventListener("error", () => { bar.hidden = true; form.submit(); });
    request.send(new FormData(form));
  });
  const chosen = form.querySelector("input[name=file]");
  const cover = form.querySelector("input[name=cover]");
  if (chosen && cover) chosen.addEventListener("change", async () => {
    const film = [...chosen.files].find((file) => file.type.startsWith("video/"));
    const loud = film || [...chosen.files].some((file) => file.type.startsWith("audio/"));
    if (loud) cover.closest("label").hidden = false;
    if (film && !cover.files.length) await still(film, cover).catch(() => { /* the server may draw one */ });
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
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
