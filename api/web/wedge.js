// Input of a hand scanner. A line of the field is a reading. Enter ends it, also before this script has loaded, and the
// queue takes it from there. The field is the record; the log of keys beside it tells a scanner from a person.
"use strict";
(() => {
  const SEPARATOR = "\u001d";
  const SEPARATORS = "\u0004\u001c\u001d\u001e\u001f"; // what browsers take into no field
  const FAST = 45; // ms between keys: people need 80 and more, scanners send a key every 1 to 30
  const PAUSE = 400; // ms after which a person begins anew
  const STALL = 2000; // ms after which an Enter is a person's, not the end of what a scanner typed
  const LOADING = 1500; // ms after a load in which the rest of a reading may come that began on the page before it
  const ECHO = 150; // ms in which another Enter or Tab belongs to the end that was read
  const SHORTEST = 8; // keys: a GTIN-8 is the shortest code there is
  const CUT = "carnet-cut"; // where a page that goes away leaves what it has not given to the queue

  const wedge = window.carnetWedge = window.carnetWedge || { take: null, empty: null }; // whichever script is first
  const ended = []; // of the field's finished lines, in order: what their keys said
  let field = null;
  let early = ""; // keys that came before there was a field
  let burst = null; // the reading that is being typed
  let last = -PAUSE, end = -ECHO; // when the last key came, and the last end
  let alt = null, made = ""; // digits of an ALT code, and the separator that it made
  let torn = -Infinity; // until when a reading may be the rest of one that the load has cut
  let composed = false; // an Enter came while an input method was composing

  const writable = (node) => node instanceof HTMLSelectElement || node instanceof HTMLTextAreaElement
    || (node instanceof HTMLInputElement && !/^(button|checkbox|file|image|radio|reset|submit)$/.test(node.type));
  const like = (one) => one && one.keys >= SHORTEST && one.quick >= 0.75 * (one.keys - 1);
  const place = (value) => value.lastIndexOf("\n") + 1; // where the unfinished line of a text begins
  const lines = (value) => value.split("\n").length - 1;

  // 1. Keys. Each belongs to a burst, which knows what its element held before it.
  const begin = (node) => {
    const marks = node.selectionStart === undefined || node.selectionStart === null ? null : node;
    return { node, log: "", keys: 0, quick: 0, whole: true, since: last, before: node.value,
      from: marks ? marks.selectionStart : 0, to: marks ? marks.selectionEnd : 0 };
  };
  const touch = (event, node, typed) => {
    const gap = event.timeStamp - last;
    last = event.timeStamp;
    const open = node === field && like(burst); // a scanner that stood still, and has not ended yet
    if (!burst || burst.node !== node || (gap > PAUSE && !open)) burst = begin(node);
    else if (gap <= FAST) burst.quick += 1;
    burst.keys += 1;
    burst.log += typed || "";
    if (typed === null) burst.whole = false; // only the field knows what this key typed
  };
  // Scanners send GS as Ctrl+] or F8, which type nothing.
  const separates = (event) =>
    event.key === "F8" || (event.ctrlKey && !event.altKey && (event.key === "]" || event.code === "BracketRight"));
  const character = (event) => {
    if (separates(event)) return SEPARATOR;
    const chord = (event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState("AltGraph");
    return event.key.length === 1 && !chord ? event.key : "";
  };
  const unsure = (event) => event.isComposing || event.keyCode === 229 || event.key === "Dead"
    || event.key === "Process" || event.key === "Backspace" || event.key === "Delete"
    || (event.altKey && !event.ctrlKey && event.key.length === 1);
  const insert = (text) => field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");

  // A key pressed on the bare page or on a button goes into the field, so there is one visible record.
  const home = (node) => {
    if (writable(node)) return node;
    field.focus({ preventScroll: true });
    field.setSelectionRange(field.value.length, field.value.length);
    return field;
  };

  const onKey = (event) => {
    made = "";
    if (!ready()) return before(event);
    if (event.key === "Alt") { alt = { digits: "", node: event.target }; return; }
    if (alt && event.altKey && /^Numpad\d$/.test(event.code)) {
      alt.node = home(event.target);
      alt.digits += event.code.slice(-1);
      return;
    }
    if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) return onEnd(event);
    const typed = character(event);
    if (!typed) { if (unsure(event)) touch(event, home(event.target), null); return; }
    if (typed === " " && !writable(event.target) && !(burst && event.timeStamp - last <= PAUSE)) return; // presses a button
    const node = home(event.target);
    touch(event, node, typed);
    if (typed !== SEPARATOR) return;
    event.preventDefault();
    if (node === field) insert(SEPARATOR);
  };

  // ALT+0029 and its like: the browser types what it can; separators it types nowhere.
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Alt" || !alt) return;
    const { digits, node } = alt;
    alt = null;
    if (!digits || !ready()) return;
    const sign = String.fromCharCode(Number(digits) % 256);
    const separator = SEPARATORS.includes(sign);
    touch(event, node, separator || (sign >= " " && sign <= "~") ? sign : null);
    if (!separator) return;
    made = sign;
    if (node === field) insert(sign);
  }, true);
  const onControl = (event) => {
    const sign = event.type === "keypress" ? String.fromCharCode(event.charCode) : event.data;
    if (!sign || !SEPARATORS.includes(sign) || event.ctrlKey || event.target !== field) return;
    event.preventDefault();
    if (made !== sign) { touch(event, field, sign); insert(sign); }
    made = "";
  };
  document.addEventListener("keypress", onControl, true);
  document.addEventListener("beforeinput", onControl, true);

  // 2. Ends. The reading becomes a finished line of the field.
  const gained = (one) => {
    const value = one.node.value;
    return value.slice(one.from, value.length - (one.before.length - one.to));
  };
  const finish = (text, rest, what) => {
    const at = place(rest);
    ended[lines(rest.slice(0, at))] = what;
    field.value = `${rest.slice(0, at)}${text}\n${rest.slice(at)}`;
    drain();
  };
  const onEnd = (event) => {
    const one = burst, node = event.target, gap = event.timeStamp - last;
    if (event.isComposing || event.keyCode === 229) { composed = like(one); return; }
    const scanned = like(one) && one.node === node && gap <= STALL;
    const echo = event.timeStamp - end <= ECHO && node === field && !field.value.slice(place(field.value));
    if (scanned || echo || (event.key === "Enter" && node === field)) event.preventDefault();
    if (echo) return;
    burst = null;
    if (scanned) scannerEnds(event, one);
    else if (event.key === "Enter" && node === field) byHand();
  };
  // Two records of one reading: the one that holds more is sent. What they do not agree on, no machine has read.
  const scannerEnds = (event, one) => {
    end = event.timeStamp;
    const held = one.node instanceof HTMLSelectElement ? "" : gained(one);
    const what = { wedge: one.whole && (one.node !== field || one.log === held), note: "", hold: "", since: one.since };
    let text = held;
    if (one.whole && (one.node !== field || one.log.length > held.length)) text = one.log;
    if (one.node === field && !what.wedge) {
      what.note = text === one.log ? "sent as typed by the keys: the field missed some of them"
        : "sent as the field held it: the keys alone did not show all of it";
    }
    if (one.node !== field && !one.whole) what.hold = "some keys could not be read: scan it again with the cursor in the field";
    if (one.node !== field) one.node.value = one.before; // a scan is no device name and no country
    finish(text, one.node === field ? one.before : field.value, what);
    field.focus({ preventScroll: true });
  };
  const byHand = () => {
    const at = place(field.value);
    const text = field.value.slice(at);
    if (text.trim()) finish(text, field.value.slice(0, at), { wedge: false, note: "", hold: "", since: last });
    else if (wedge.empty) wedge.empty();
  };
  wedge.send = byHand;

  // 3. Lines. Those that came before this script count as typed, since their speed is unknown.
  const UNSEEN = { wedge: false, note: "taken from the field: it came before the page was ready", hold: "", since: 0 };
  const drain = () => {
    while (wedge.take && field.value.includes("\n")) {
      const at = field.value.indexOf("\n");
      const text = field.value.slice(0, at).replace(/\r$/, "");
      const what = ended.shift() || UNSEEN;
      field.value = field.value.slice(at + 1);
      if (!text.trim()) continue;
      wedge.take({ ...what, text, hold: what.since < torn ? REST : what.hold });
      if (what.hold !== HEAD) torn = -Infinity; // only the first reading after the load may be a rest
    }
  };
  wedge.drain = () => { if (ready()) drain(); };

  // 4. Loads. The session's store holds what the page before this one had not sent.
  const HEAD = "cut off when the page was loaded: scan it again";
  const REST = "perhaps the rest of a scan that the load of the page cut off: scan it again";
  const ready = () => {
    if (field) return true;
    field = document.getElementById("code");
    if (!field) return false;
    const now = early + field.value;
    const left = restore();
    const at = place(left.value);
    const cut = left.value.slice(at) && (left.running || now);
    field.value = `${left.value.slice(0, at)}${left.value.slice(at)}${cut ? "\n" : ""}${now}`;
    ended.push(...left.ended.slice(0, lines(left.value)));
    if (cut) ended[lines(left.value)] = { wedge: false, note: "", hold: HEAD, since: Infinity };
    if (cut && left.running) torn = performance.now() + LOADING;
    field.setSelectionRange(field.value.length, field.value.length);
    field.addEventListener("paste", () => { burst = null; });
    field.addEventListener("input", (event) => { if (!event.isComposing) drain(); });
    field.addEventListener("compositionend", () => { if (composed) setTimeout(byHand, 0); composed = false; });
    drain();
    return true;
  };
  const before = (event) => {
    const typed = event.key === "Enter" || event.key === "Tab" ? "\n" : character(event);
    if (!typed) return;
    event.preventDefault();
    early += typed;
  };
  const restore = () => {
    try {
      const left = JSON.parse(sessionStorage.getItem(CUT));
      sessionStorage.removeItem(CUT);
      if (left) return left;
    } catch { /* private windows */ }
    return { value: "", ended: [], running: false };
  };
  window.addEventListener("pagehide", () => {
    if (!field || !field.value) return;
    const running = Boolean(burst) && burst.quick >= 0.75 * (burst.keys - 1); // a scanner's, and it has not ended
    try { sessionStorage.setItem(CUT, JSON.stringify({ value: field.value, ended, running })); } catch { /* as above */ }
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) restore(); });
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("DOMContentLoaded", ready);
  ready();
})();
