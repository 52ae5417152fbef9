// Keeps the live part fresh and opens panels in place. Without it every button works by loading the page.
"use strict";
const live = document.getElementById("live");
const panel = document.getElementById("panel");
const EVERY = 1500; // milliseconds between looks, while the page is seen
let tag = null;
let timer = null;

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      const answer = await fetch("/demo/live", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        const focused = live.contains(document.activeElement);
        if (!focused) live.innerHTML = await answer.text();
        live.classList.remove("stale");
      }
    } catch {
      live.classList.add("stale");
    }
  }
  timer = setTimeout(refresh, EVERY);
}

function show(html) {
  panel.innerHTML = html;
  panel.classList.toggle("open", html.trim() !== "");
  if (html) {
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
  }
}

// On a phone the panel hid what it told about: back to the answer, which may have changed.
function close() {
  if (!panel.classList.contains("open")) return;
  show("");
  if (matchMedia("(max-width: 46rem)").matches) live.querySelector(".verdict-card")?.scrollIntoView({ block: "center" });
}

async function act(form, event) {
  event.preventDefault();
  const button = form.querySelector("button");
  const opens = form.hasAttribute("data-open");
  button.setAttribute("aria-busy", "true");
  try {
    const request = opens ? `${form.action}?show=${form.dataset.panel}` : form.action;
    const options = opens ? {} : { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "X-Part": "panel" } };
    const answer = await fetch(request, options);
    const text = await answer.text();
    if (opens) show(new DOMParser().parseFromString(text, "text/html").getElementById("panel").innerHTML);
    else show(text);
  } catch {
    location.assign("/demo");
  } finally {
    button.removeAttribute("aria-busy");
    document.activeElement?.blur?.();
    if (panel.classList.contains("open")) panel.focus({ preventScroll: true });
    refresh();
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.panel || form.hasAttribute("data-quiet")) act(form, event);
});
document.addEventListener("click", (event) => {
  const ask = event.target.closest("a[data-ask]");
  if (ask) {
    event.preventDefault();
    fetch(ask.href, { headers: { "X-Part": "panel" } }).then((answer) => answer.text()).then(show);
  }
  if (event.target.closest("a[data-close]")) {
    event.preventDefault();
    close();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
document.addEventListener("visibilitychange", refresh);
refresh();
