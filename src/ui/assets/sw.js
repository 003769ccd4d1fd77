// The house without a network, and what it is told while nobody looks.
"use strict";

const KEPT = "house-{version}";

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(["/offline", "/theme.css", "/assets/app.css", "/assets/app.js", "/icon.svg"])).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match("/offline")));
    return;
  }
  // Only for the page without a network; everything else is the browser's own business.
  const path = new URL(request.url).pathname;
  if (["/theme.css", "/assets/app.css", "/assets/app.js", "/icon.svg"].includes(path)) {
    event.respondWith(fetch(request).catch(() => caches.match(path, { ignoreSearch: true })));
  }
});

addEventListener("push", (event) => {
  const news = event.data ? event.data.json() : {};
  event.waitUntil(registration.showNotification(news.title || "", { body: news.body || "", icon: news.icon || "/icon.svg", tag: String(news.notification_id || ""), data: "/notifications" }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(clients.matchAll({ type: "window" }).then((open) => {
    const one = open.find((client) => new URL(client.url).pathname === event.notification.data);
    return one ? one.focus() : clients.openWindow(event.notification.data);
  }));
});
