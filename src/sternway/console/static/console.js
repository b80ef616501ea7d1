/* What pages do by themselves beyond htmx: come back after a lost connection, free connections of hidden pages,
   hold logs still. Everything here is an addition: without it every page reads and every form works. */
(() => {
  "use strict";
  const lost = () => document.getElementById("lost");
  const MAX_LINES = 2000;
  let sources = [];
  let last = "";
  let paused = null;
  let isComingBack = false;

  /* Browsers open six connections to one server at most, so a hidden page gives its stream up. */
  htmx.createEventSource = (url) => {
    const address = new URL(url, location.href);
    if (last) address.searchParams.set("last", last);
    const source = new EventSource(address);
    for (const name of ["line", "output"]) source.addEventListener(name, (event) => (last = event.lastEventId || last));
    source.addEventListener("clear", () => document.getElementById("output")?.replaceChildren());
    sources = sources.filter((other) => other.readyState !== EventSource.CLOSED).concat(source);
    return source;
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return sources.forEach((source) => source.close());
    isComingBack = true;
    sources.filter((source) => !source.isDone && source.onerror).forEach((source) => source.onerror(new Event("error")));
    isComingBack = false;
  });

  document.addEventListener("htmx:sseOpen", () => { lost().hidden = true; });
  document.addEventListener("htmx:sseError", () => { if (!document.hidden && !isComingBack) lost().hidden = false; });
  document.addEventListener("htmx:sseClose", (event) => {
    event.detail.source.isDone = true;
    if (event.detail.type === "message" && event.target.dataset.reloadAt) location.reload();
  });

  /* What somebody has typed and not sent stays while the part of the page around it is brought up to date. */
  const typedIn = (part) => [...part.querySelectorAll("input[id]:not([type=hidden])")]
    .filter((input) => input.value !== input.defaultValue).map((input) => [input.id, input.value]);

  /* Logs: hold them still, follow the end, forget the oldest. */
  const isAtEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const follow = (list) => { list.scrollTop = list.scrollHeight; };

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const list = event.target;
    if (paused && list.id === "lines") {
      event.preventDefault();
      paused.push(event.detail.data);
      while (paused.length > MAX_LINES) paused.shift();
    } else {
      list.wasAtEnd = isAtEnd(list);
      list.typed = typedIn(list);
    }
  });
  document.addEventListener("htmx:sseMessage", (event) => {
    const list = event.target;
    for (const [id, value] of list.typed || []) {
      const input = document.getElementById(id);
      if (input) input.value = value;
    }
    if (list.id !== "lines" && list.id !== "output") return;
    while (list.children.length > MAX_LINES) list.firstElementChild.remove();
    if (list.wasAtEnd) follow(list);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#pause");
    if (!button) return;
    const list = document.getElementById("lines");
    const shown = button.textContent;
    button.textContent = button.dataset.paused;
    button.dataset.paused = shown;
    button.setAttribute("aria-pressed", String(!paused));
    if (paused) {
      list.insertAdjacentHTML("beforeend", paused.join(""));
      follow(list);
    }
    paused = paused ? null : [];
  });

  /* What takes its time says so, and is not sent twice. */
  document.addEventListener("submit", (event) => {
    const busy = event.target.dataset.busy;
    const button = busy && event.target.querySelector("button.primary");
    if (!button) return;
    if (button.getAttribute("aria-disabled")) return event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    button.textContent = busy;
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted && document.querySelector("form[data-busy]")) location.reload(); });

  const begin = () => {
    const pause = document.getElementById("pause");
    if (pause) pause.hidden = false;
    for (const id of ["lines", "output"]) {
      const list = document.getElementById(id);
      if (list) follow(list);
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
