// The page demands its seals: each scan's receipt is remembered in this browser, and each is asked for until the seal
// holds it. The server's word is not enough: leaf and path are hashed here. What is signed, `carnet receipt check` checks.
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
    if (!window.isSecureContext) return true; // no hashing on plain http elsewhere than on this machine
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

  // A scan may stand on the page twice: as the present answer and in the list.
  const places = (id) => document.querySelectorAll(`[data-receipt="${CSS.escape(id)}"]`);
  const known = new Map(); // scan id -> what was last said of its promise
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
      if (receipt && told && await holds(receipt, told.evidence)) {
        forget(id);
        show(id, "kept", "Sealed in the log.");
        return true;
      }
      if (told && told.evidence) {
        show(id, "broken", "This scan is not in the seal that was promised. Keep the receipt.");
        return false;
      }
    } catch { /* the next look asks again */ }
    if (late) show(id, "broken", "The time is up, and this scan is not sealed. Keep the receipt.");
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
  document.addEventListener("carnet-promise", round);
  round();
})();
