// The officer's page with a hand scanner. Without this script the page works too; it only needs the field in focus.
"use strict";
(() => {
  const form = document.getElementById("scan");
  const code = document.getElementById("code");
  const photo = document.getElementById("photo");
  const hint = document.getElementById("wedge");
  const SEPARATOR = "\u001d";
  const FAST = 45; // ms between keys: people need 80 and more, scanners send a key every 1 to 30
  const PAUSE = 400; // ms after which a new reading starts
  const SHORTEST = 8; // characters: a GTIN-8 is the shortest code there is
  let sent = false;
  let read = "";
  let last = 0;
  let quick = 0; // keys that came fast: a busy computer may hold one or two of a scanner's up

  // Scanners send GS as Ctrl+] or F8, which type nothing.
  const character = (event) => {
    if (event.key === "F8" || (event.ctrlKey && (event.key === "]" || event.code === "BracketRight"))) return SEPARATOR;
    return event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey ? event.key : "";
  };

  const start = () => { read = ""; quick = 0; };

  const byScanner = () => read.length >= SHORTEST && quick >= 0.75 * (read.length - 1);

  const insert = (text) => {
    code.setRangeText(text, code.selectionStart, code.selectionEnd, "end");
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const gap = event.timeStamp - last;
    last = event.timeStamp;
    if (event.key === "Enter" || (event.key === "Tab" && byScanner())) {
      if (byScanner() && gap <= PAUSE) {
        event.preventDefault();
        code.value = read;
        form.elements.machine_read.value = "wedge";
        form.requestSubmit();
      }
      start();
      return;
    }
    const typed = character(event);
    if (!typed) return;
    if (gap > PAUSE) start();
    if (read && gap <= FAST) quick += 1;
    read += typed;
    if (target === code) {
      if (typed === SEPARATOR) { event.preventDefault(); insert(SEPARATOR); }
    } else if (typed === SEPARATOR) {
      event.preventDefault();
    }
  });

  // Typing by hand after a scan, or pasting, is not the scanner's reading any more.
  code.addEventListener("input", () => { form.elements.machine_read.value = ""; });
  code.addEventListener("paste", start);
  photo.addEventListener("change", () => { if (photo.files.length) form.requestSubmit(); });

  // One scan at a time: a second press would throw away the answer that is on its way.
  form.addEventListener("submit", (event) => {
    const empty = !code.value.trim() && !photo.files.length;
    if (empty || sent) event.preventDefault();
    if (empty && !sent) {
      hint.textContent = "Type or scan a code, or choose a photo first.";
      code.focus({ preventScroll: true });
    } else if (!empty && !sent) {
      sent = true;
      hint.textContent = photo.files.length ? "Reading the photo\u2026" : "Checking\u2026";
      form.setAttribute("aria-busy", "true");
    }
  });

  // A press on the bare page leaves the field; the next scan must still find it.
  document.addEventListener("click", (event) => {
    const busy = event.target.closest("a, button, input, select, textarea, label, summary, form");
    if (!busy && !String(getSelection())) code.focus({ preventScroll: true });
  });
  window.addEventListener("pageshow", () => {
    sent = false;
    form.removeAttribute("aria-busy");
    hint.textContent = "Ready for a hand scanner: it types into this page from anywhere on it.";
    code.focus({ preventScroll: true });
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
      () => { locate.textContent = "No position to be had; type it in"; },
      { enableHighAccuracy: false, timeout: 10000 },
    ));
  }
})();
