// The page checks its seals: this browser remembers each scan's receipt, and asks until a seal holds the scan. The
// server's word is not enough: leaf and path are hashed here. `carnet receipt check` checks the signatures.
"use strict";
(() => {
  const EVERY = 10000; // ms between two looks
  const GRACE = 5000; // ms that an answer may be on its way after the deadline
  const STORE = "carnet-receipts";
  const hex = (text) => Uint8Array.from(text.replace(/^0x/, "").match(/../g) || [], (byte) => parseInt(byte, 16));
  const text = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  const hash = async (...parts) => {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  };

  // RFC 8785 for what scans hold: texts, nulls, lists of texts. Keys are sorted by their UTF-16 units, as sort() does.
  const canonical = (value) => {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  };

  const leafOf = (receipt) =>
    hash(Uint8Array.of(0, 4), hex(receipt.salt), new TextEncoder().encode(canonical(receipt.scan)));

  // RFC 9162 2.1.3.2 for a tree of 2^k leaves: each step halves the position.
  const rootOf = async (leaf, position, path) => {
    let node = leaf;
    for (const sibling of path.map(hex)) {
      node = await (position % 2 ? hash(Uint8Array.of(1), sibling, node) : hash(Uint8Array.of(1), node, sibling));
      position = Math.floor(position / 2);
    }
    return node;
  };

  const holds = async (receipt, evidence) => {
    if (!evidence || !evidence.membership || canonical(evidence.receipt) !== canonical(receipt)) return false;
    if (!window.isSecureContext) return true; // browsers hash on plain http only for this machine; the message says so
    const { position, path } = evidence.membership;
    const seal = evidence.entries
      .map((entry) => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(entry.data), (c) => c.charCodeAt(0)))))
      .find((entry) => entry.kind === "scans_sealed" && entry.body.seal === receipt.seal);
    if (!seal || 2 ** path.length !== Number(seal.body.leaves) || seal.recorded_at > receipt.deadline) return false;
    const leaf = await leafOf(receipt);
    return `0x${text(leaf)}` === receipt.leaf && `0x${text(await rootOf(leaf, position, path))}` === seal.body.root;
  };

  const load = () => { try { return JSON.parse(localStorage.getItem(STORE)) || {}; } catch { return {}; } };
  const keep = (id, receipt) => {
    try { localStorage.setItem(STORE, JSON.stringify({ ...load(), [id]: receipt })); } catch { /* private windows */ }
  };
  const forget = (id) => {
    const { [id]: _, ...rest } = load();
    try { localStorage.setItem(STORE, JSON.stringify(rest)); } catch { /* private windows */ }
  };

  // What was sent and told of a scan, kept until its seal holds it: a receipt for something else proves the wrong thing.
  const SENT = "carnet-sent";
  const LONGEST = 2 * 86400000 + 60000 + 300000; // ms: two cadences of a day, a minute, and two clocks that differ
  const sent = () => { try { return JSON.parse(localStorage.getItem(SENT)) || {}; } catch { return {}; } };
  const remember = (values) => { try { localStorage.setItem(SENT, JSON.stringify(values)); } catch { /* private windows */ } };
  const near = (one, other) => (one || other ? Math.abs(Number(one) - Number(other)) < 2e-5 && Boolean(one) === Boolean(other) : true);
  // A code as the server keeps it: without what stands around it, well-formed, at most so long (`read` of the verifier).
  const asRead = (code) => {
    const bare = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(code))
      .replace(/^[ \t\r\n\ufeff\u200b]+|[ \t\r\n\ufeff\u200b]+$/g, "");
    return Array.from(bare).slice(0, 2048).join("").replace(/\0/g, "\ufffd");
  };
  const bare = (value) => (value || "").replace(/\s/g, "").toUpperCase();

  // The first thing in a receipt that is not as it was sent, told or possible; "" where all that can be compared fits.
  // The time is the server's on this page, and the log is read by `carnet receipt check`: neither is compared here.
  const differs = (receipt, id) => {
    const { scan } = receipt, own = sent()[id];
    if (scan.id !== id) return "it is of another scan";
    if (!own) return "";
    if (Date.parse(receipt.deadline) > own.at + LONGEST) return "its deadline is further ahead than any promise allows";
    const { fields, code, officer, verdict } = own;
    if (code && asRead(code) !== scan.code) return `it has the code ${scan.code.slice(0, 80) || "nothing"}`;
    if (bare(fields.unlocode) !== bare(scan.unlocode)) return `it has the place ${scan.unlocode || "nowhere"}`;
    const country = bare(fields.country) || bare(fields.unlocode).slice(0, 2);
    if (country && country !== scan.country) return `it has the country ${scan.country || "nowhere"}`;
    if (!near(fields.latitude, scan.latitude) || !near(fields.longitude, scan.longitude)) return "it has other coordinates";
    if (fields.context !== scan.context) return `it has the context ${scan.context}`;
    if (fields.device !== scan.device) return `it has the device ${scan.device}`;
    const named = scan.administration ? `${scan.officer}, ${scan.administration}` : scan.officer;
    if (officer && officer !== named) return `it has the officer ${named}`;
    if (verdict !== scan.verdict) return `it has the answer ${scan.verdict}`;
    return "";
  };

  // A scan may stand on the page twice: as the present answer and in the list.
  const places = (id) => document.querySelectorAll(`[data-receipt="${CSS.escape(id)}"]`);
  const known = new Map(); // scan id -> the last message about its promise
  const show = (id, kind, words) => {
    known.set(id, [kind, words]);
    for (const item of places(id)) {
      item.classList.remove("promise-kept", "promise-pending", "promise-broken");
      item.classList.add(`promise-${kind}`);
      item.querySelector("b").textContent = words;
    }
  };

  const look = async (id, deadline) => {
    const late = Date.now() > Date.parse(deadline) + GRACE;
    try {
      const answer = await fetch(`/v1/scans/${id}/receipt`, { cache: "no-store" });
      const told = answer.ok ? await answer.json() : null;
      const receipt = load()[id] || (told && told.receipt);
      if (receipt) keep(id, receipt);
      const wrong = receipt ? differs(receipt, id) : "";
      if (wrong) {
        show(id, "broken", `The receipt does not fit the scan: ${wrong}. Keep the receipt.`);
        return true;
      }
      if (receipt && told && await holds(receipt, told.evidence)) {
        forget(id);
        const { [id]: _, ...rest } = sent();
        remember(rest);
        show(id, "kept", window.isSecureContext ? "Sealed in the log."
          : "The server says that it is sealed. Without https this page cannot check that; the proof can be checked elsewhere.");
        return true;
      }
      if (told && told.evidence) {
        show(id, "broken", "This scan is not in the seal that was promised. Keep the receipt.");
        return false;
      }
    } catch { /* the next look asks again */ }
    if (late) show(id, "broken", "The deadline has passed, and this scan is not sealed. Keep the receipt.");
    return false;
  };

  const done = new Set([...document.querySelectorAll(".promise-kept, .promise-broken")].map((item) => item.dataset.receipt));
  const open = () => {
    const found = new Map();
    for (const { dataset } of document.querySelectorAll("[data-receipt]")) {
      if (!done.has(dataset.receipt)) found.set(dataset.receipt, dataset.deadline);
    }
    return found;
  };
  let timer = 0, looking = false;
  const round = async () => {
    clearTimeout(timer);
    for (const [id, said] of known) show(id, ...said);
    if (looking) return;
    looking = true;
    const busy = () => window.carnetQueue && window.carnetQueue.busy(); // scans first: the line may be slow
    for (const [id, deadline] of open()) if (!busy() && await look(id, deadline)) done.add(id);
    looking = false;
    if (open().size) timer = setTimeout(round, EVERY);
  };
  document.addEventListener("carnet-promise", ({ detail }) => {
    if (detail) {
      const { id, fields, photo, code, officer } = detail.item;
      remember({ ...sent(), [id]: { fields, code: photo ? "" : code, officer, verdict: detail.verdict, at: Date.now() } });
    }
    round();
  });
  round();
})();
