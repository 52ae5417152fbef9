// The officer's page: readings of the wedge and the form go into the queue; answers are inserted into the page, which
// stays open during scans. Without this script the form is posted and the whole page is loaded.
"use strict";
(() => {
  const queue = window.carnetQueue;
  const form = document.getElementById("scan");
  const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
  if (!form) { // the sign-in page also names the scans that wait
    const note = document.getElementById("waiting");
    queue.load();
    const waits = queue.waiting();
    if (!note || !waits.length) return;
    const whose = [...new Set(waits.map((item) => item.officer))].join("; ");
    note.textContent = `${plural(waits.length, "scan")} not sent yet, kept in this browser until sign-in by: ${whose}.`;
    note.hidden = false;
    return;
  }
  const MOST = 60; // lines of the list
  const KEPT = 24; // answers that can be shown again
  const wedge = window.carnetWedge = window.carnetWedge || { take: null, empty: null };
  const code = document.getElementById("code");
  const photo = document.getElementById("photo");
  const hint = document.getElementById("wedge");
  const trouble = document.getElementById("trouble");
  const list = document.getElementById("lines");
  const shape = document.getElementById("line");
  const READY = "Ready for a hand scanner: it types into this page from anywhere on it.";
  const answers = new Map(); // scan id -> what the server's part of the page said
  const say = (words) => { if (hint.textContent !== words) hint.textContent = words; };
  queue.officer = form.dataset.officer;

  // 1. What goes in.
  const FIELDS = ["unlocode", "country", "latitude", "longitude", "context", "device"];
  const fields = () => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
  form.addEventListener("change", () => {
    for (const name of ["unlocode", "country"]) form.elements[name].value = form.elements[name].value.toUpperCase();
    const { unlocode, country, latitude, longitude, context } = fields();
    const where = unlocode || country || (latitude && `${latitude} ${longitude}`) || "place not said";
    document.getElementById("where").textContent = `${where}, ${context}`;
  });
  const add = (scan) => queue.add({ fields: fields(), ...scan });
  const nothing = () => { say("Type or scan a code, or choose a photo first."); code.focus({ preventScroll: true }); };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!code.value.trim()) nothing(); else if (wedge.send) wedge.send();
  });
  photo.addEventListener("change", () => {
    for (const file of photo.files) queue.addPhoto(file, { fields: fields() });
    photo.value = "";
  });
  document.addEventListener("submit", (event) => { // a repair is a scan of its own
    if (!event.target.matches("#repairs form")) return;
    event.preventDefault();
    const { code: repaired, repair, told, carrier, symbology } = event.target.elements;
    add({ code: repaired.value, repair: repair.value, told: told.value, carrier: carrier.value, symbology: symbology.value });
  });

  // 2. The list: newest on top, each scan with its answer.
  const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) => (sign === "\u001d" ? "{GS}" : `{U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}}`));
  const lineOf = (item) => {
    const known = list.querySelector(`[data-scan="${item.id}"]`);
    if (known) return known;
    for (const before of list.querySelectorAll(`[data-receipt="${item.id}"]`)) before.remove(); // its answer was lost
    const line = shape.content.firstElementChild.cloneNode(true);
    line.dataset.scan = item.id;
    line.querySelector("code").textContent = item.photo ? `photograph ${item.photo}` : visible(item.code);
    line.querySelector(".note").textContent = item.note || "";
    list.prepend(line);
    list.closest("section").hidden = false;
    for (const old of [...list.children].slice(MOST)) if (!old.classList.contains("open")) old.remove();
    return line;
  };
  queue.changed = (item, state) => {
    const line = lineOf(item);
    const own = item.officer === queue.officer;
    line.classList.add("open");
    line.classList.toggle("held", Boolean(item.hold));
    line.querySelector(".tier").textContent = item.hold ? "not sent" : state === "sending" ? "checking" : "waits";
    line.querySelector("b").textContent = item.hold || (own ? (state === "sending" ? "" : state || "") : `made by ${item.officer}: waits for that sign-in`);
    for (const button of line.querySelectorAll(".again, .drop")) button.hidden = !item.hold || !own;
    if (state === "sent from another tab") line.classList.remove("open");
    count();
  };
  const count = () => {
    const waits = queue.waiting().filter((item) => item.officer === queue.officer).length;
    form.setAttribute("aria-busy", String(waits > 0));
    if (waits) say(waits === 1 ? "Checking\u2026" : `Checking: ${plural(waits, "scan")} in the queue.`);
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const line = button.closest("li"), id = line.dataset.scan;
    if (button.matches(".again")) queue.again(id, fields());
    else if (button.matches(".drop")) { queue.remove(id); line.remove(); code.focus({ preventScroll: true }); }
    else if (answers.has(id)) { show(answers.get(id), id); scrollTo({ top: 0 }); }
  });

  // 3. What comes out: the present answer large, its line in the list, and what is still to come.
  const show = (part, id) => {
    for (const name of ["answer", "repairs", "more"]) {
      const here = document.getElementById(name);
      here.replaceChildren(...[...part.getElementById(name).childNodes].map((node) => document.importNode(node, true)));
    }
    for (const line of list.children) {
      if (line.dataset.scan === id) line.setAttribute("aria-current", "true"); else line.removeAttribute("aria-current");
    }
    document.title = part.title;
    code.labels[0].textContent = "Next code";
  };
  queue.answered = (item, part) => {
    const told = part.getElementById("answer").dataset;
    const line = lineOf(item);
    line.classList.remove("open", "held");
    line.classList.add(`tone-${told.verdict}`, "answered");
    line.querySelector("code").textContent = told.name || "nothing";
    const button = line.querySelector(".tier");
    button.textContent = told.shownAs;
    button.disabled = false;
    line.querySelector("b").textContent = "";
    for (const one of line.querySelectorAll(".again, .drop")) one.hidden = true;
    if (told.deadline) {
      line.dataset.receipt = item.id;
      line.dataset.deadline = told.deadline;
      Object.assign(line.querySelector("a"), { href: `/v1/scans/${item.id}/receipt?download=true`, hidden: false, download: `scan-${item.id}.json` });
    }
    answers.set(item.id, part);
    if (answers.size > KEPT) answers.delete(answers.keys().next().value);
    trouble.hidden = true;
    show(part, item.id);
    scrollTo({ top: 0 });
    say(`${told.shownAs}: ${told.name.slice(0, 80)}`);
    count();
    document.dispatchEvent(new CustomEvent("carnet-promise", { detail: { item, verdict: told.verdict } }));
  };
  queue.said = (what, why) => {
    if (what === "idle") { trouble.hidden = true; return; }
    const waits = plural(queue.waiting().length, "scan");
    const words = what === "signed out"
      ? `${why || "Nobody is signed in here any more"}. ${waits} not sent yet: kept in this browser until you sign in again. `
      : `${waits} not sent yet: ${why}. They are kept in this browser, which tries again. `;
    if (trouble.firstChild.data !== words) trouble.firstChild.data = words;
    trouble.querySelector("a").hidden = what !== "signed out";
    trouble.hidden = false;
  };

  // 4. Leaving keeps the queue, with a message.
  const out = document.getElementById("out");
  out.addEventListener("submit", (event) => {
    const waits = queue.waiting().length;
    if (!waits || out.dataset.asked) return;
    event.preventDefault();
    out.dataset.asked = "yes";
    out.querySelector("span").textContent = `${plural(waits, "scan")} not sent yet: kept in this browser for your next sign-in.`;
    out.querySelector("button").textContent = "Sign out anyway";
  });
  window.addEventListener("beforeunload", (event) => { if (!queue.keeps() && queue.busy()) event.preventDefault(); });

  // A press on the bare page leaves the field; the next scan must still be seen in it.
  document.addEventListener("click", (event) => {
    const busy = event.target.closest("a, button, input, select, textarea, label, summary, form");
    if (!busy && !String(getSelection())) code.focus({ preventScroll: true });
  });

  const locate = document.getElementById("locate");
  if (navigator.geolocation && window.isSecureContext) {
    locate.hidden = false;
    locate.addEventListener("click", () => navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        form.elements.latitude.value = coords.latitude.toFixed(4);
        form.elements.longitude.value = coords.longitude.toFixed(4);
        locate.textContent = "Position taken";
      },
      () => { locate.textContent = "No position available; type it in"; },
      { enableHighAccuracy: false, timeout: 10000 },
    ));
  }

  // 5. Begin: what an earlier page left, then what the keys brought meanwhile.
  say(READY);
  code.focus({ preventScroll: true });
  queue.load();
  wedge.empty = nothing;
  wedge.take = ({ text, wedge: byScanner, note, hold }) =>
    add({ code: text, machine_read: byScanner ? "wedge" : "", note, hold });
  if (wedge.drain) wedge.drain(); // or it does by itself as soon as it is here
})();
