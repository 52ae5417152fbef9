// The queue of scans. Each is kept in this browser until the server has answered it, and sent one after the other, in the
// order in which they were made. Its id is drawn here, so that sending it twice counts once.
"use strict";
(() => {
  const PREFIX = "carnet-scan/";
  const LONGEST = 30000; // ms between two tries
  const PATIENCE = 60000; // ms for an answer; a photograph gets more, by its size
  const SLOWEST = 2; // bytes a millisecond: a third of the slowest line that we promise to work on
  const FAULTS = 5; // answers with a fault of the server after which the next scan is tried first

  // 1. The store: one key a scan, so that two tabs never write one thing. Photographs need the bigger store.
  const items = new Map();
  let keeps = true; // whether this browser keeps anything over a load
  const stored = () => {
    const found = [];
    try {
      for (let at = 0; at < localStorage.length; at += 1) {
        const key = localStorage.key(at);
        if (key.startsWith(PREFIX)) found.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch { keeps = false; }
    return found.sort((one, other) => one.n - other.n);
  };
  const keep = (item) => {
    items.set(item.id, item);
    try { localStorage.setItem(PREFIX + item.id, JSON.stringify(item)); } catch { keeps = false; }
  };
  const drop = (item) => {
    items.delete(item.id);
    try { localStorage.removeItem(PREFIX + item.id); } catch { /* private windows */ }
    if (item.photo) photos("readwrite", (store) => store.delete(item.id)).catch(() => {});
  };
  const photos = (mode, work) => new Promise((resolve, reject) => {
    const opening = indexedDB.open("carnet-photos", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("photos");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const done = work(opening.result.transaction("photos", mode).objectStore("photos"));
      done.onsuccess = () => { resolve(done.result); opening.result.close(); };
      done.onerror = () => reject(done.error);
    };
  });
  const pictures = new Map(); // of this page: for browsers without that store

  // randomUUID is for secure pages only; a scanner's laptop on a LAN may have another.
  const draw = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40; bytes[8] = (bytes[8] & 0x3f) | 0x80; // RFC 9562 5.4
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  // 2. Sending. A scan that cannot be sent just now is tried again; a refused one stays, with its reason.
  let busy = false, timer = 0, tries = 0;
  const queue = window.carnetQueue = { officer: null, changed: () => {}, answered: () => {}, said: () => {} };
  const waiting = () => [...items.values()].filter((item) => !item.hold);
  const mine = () => waiting().filter((item) => item.officer === queue.officer);
  queue.waiting = waiting;
  queue.keeps = () => keeps;

  queue.load = () => {
    for (const item of stored()) if (!items.has(item.id)) { items.set(item.id, { ...item, keeping: false }); queue.changed(item); }
    run();
  };
  queue.add = (scan) => {
    const n = Math.max(0, ...[...items.values(), ...stored()].map((item) => item.n)) + 1;
    const item = { id: draw(), n, at: Date.now(), officer: queue.officer, ...scan };
    keep(item);
    queue.changed(item);
    run();
    return item;
  };
  queue.addPhoto = (file, scan) => {
    const item = queue.add({ ...scan, code: "", photo: file.name, keeping: true });
    pictures.set(item.id, file);
    const ready = () => { item.keeping = false; keep(item); queue.changed(item); run(); };
    photos("readwrite", (store) => store.put(file, item.id)).then(ready, ready);
  };
  queue.again = (id, fields) => {
    const item = items.get(id);
    Object.assign(item, { hold: "", faults: 0, fields });
    keep(item);
    queue.changed(item);
    run();
  };
  queue.remove = (id) => { const item = items.get(id); if (item) drop(item); };

  const body = async (item) => {
    const values = { ...item.fields, id: item.id, officer: item.officer, waited: String(Math.max(0, Date.now() - item.at)) };
    if (!item.photo) {
      return new URLSearchParams({ ...values, code: item.code, machine_read: item.machine_read || "", repair: item.repair || "", told: item.told || "", carrier: item.carrier || "", symbology: item.symbology || "" });
    }
    const file = pictures.get(item.id) || await photos("readonly", (store) => store.get(item.id)).catch(() => null);
    if (!file) return null;
    const form = new FormData();
    for (const [name, value] of Object.entries(values)) form.append(name, value);
    form.append("photo", file, "photo");
    return form;
  };
  const later = (why, after = 0) => ({ kind: "later", why, after });
  const refused = (why) => ({ kind: "refused", why });

  const send = async (item) => {
    const sent = await body(item);
    if (!sent) return refused("the photograph was lost when the page was loaded: take it again");
    const limit = new AbortController();
    const size = sent instanceof FormData ? sent.get("photo").size : 0;
    const clock = setTimeout(() => limit.abort(), PATIENCE + size / SLOWEST);
    try {
      const answer = await fetch("/officer", { method: "POST", body: sent, redirect: "manual", cache: "no-store",
        signal: limit.signal, headers: { Accept: "application/json", "X-Part": "answer" } });
      return read(item, answer, await answer.text());
    } catch {
      return later(limit.signal.aborted ? "no answer came in time" : "no connection");
    } finally { clearTimeout(clock); }
  };
  const read = (item, answer, text) => {
    if (answer.type === "opaqueredirect" || answer.status === 401) return { kind: "signed out" };
    if (answer.status === 200) {
      const part = new DOMParser().parseFromString(text, "text/html");
      const told = part.getElementById("answer");
      return told && told.dataset.scan === item.id ? { kind: "answered", part } : later("somebody else answered");
    }
    let problem = {};
    try { problem = JSON.parse(text); } catch { /* a proxy's words */ }
    const why = problem.detail || `the server said ${answer.status}`;
    if (problem.code === "other_officer") return { kind: "signed out", why };
    if ([408, 425, 429, 502, 503, 504].includes(answer.status)) return later(why, 1000 * Number(answer.headers.get("Retry-After") || 0));
    if (answer.status >= 500) {
      item.faults = (item.faults || 0) + 1;
      return item.faults < FAULTS ? later(why) : refused(why);
    }
    return refused(why);
  };

  const step = async (item) => {
    if (item.keeping) return false; // its photograph is on its way into the store
    if (!keepsStill(item)) { items.delete(item.id); queue.changed(item, "sent from another tab"); return true; }
    queue.changed(item, "sending");
    const told = await send(item);
    if (told.kind === "answered") { tries = 0; drop(item); queue.answered(item, told.part); return true; }
    if (told.kind === "refused") {
      tries = 0;
      item.hold = told.why;
      if (keepsStill(item)) keep(item);
      queue.changed(item);
      return true;
    }
    if (told.kind === "signed out") { queue.changed(item, "waits for sign-in"); queue.said("signed out", told.why); return false; }
    tries += 1;
    const after = Math.max(told.after, Math.min(LONGEST, 500 * 2 ** tries));
    queue.changed(item, `${told.why}: will be tried again`);
    queue.said("later", told.why);
    timer = setTimeout(run, after);
    return false;
  };
  const keepsStill = (item) => {
    try { return !keeps || localStorage.getItem(PREFIX + item.id) !== null; } catch { return true; }
  };
  // One tab sends at a time if the browser can arrange it; otherwise the ids make sure that nothing counts twice.
  const alone = (work) => (navigator.locks ? navigator.locks.request("carnet-queue", work) : work());
  const run = async () => {
    if (busy || !queue.officer) return;
    clearTimeout(timer);
    busy = true;
    try {
      for (let on = true; on && mine().length;) {
        on = await alone(() => step(mine().reduce((first, item) => (item.n < first.n ? item : first))));
      }
    } finally { busy = false; }
    if (!mine().length) queue.said("idle");
  };
  queue.run = () => { tries = 0; run(); };
  queue.busy = () => mine().length > 0;
  window.addEventListener("online", queue.run);
  window.addEventListener("focus", queue.run);
  window.addEventListener("storage", (event) => {
    if (!event.key || !event.key.startsWith(PREFIX)) return;
    const item = items.get(event.key.slice(PREFIX.length));
    if (event.newValue && !item) queue.load();
    else if (!event.newValue && item && !busy) { items.delete(item.id); queue.changed(item, "sent from another tab"); }
  });
})();
