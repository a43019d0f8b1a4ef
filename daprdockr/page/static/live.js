// The page as it changes: server-sent events replace the elements that differ. Without this file the page is whole, too.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const SILENT = 30000, HIDDEN = 60000, AGAIN = 10000;
  const template = document.createElement("template");
  let stream = null, at = document.body.dataset.at, heard = 0, hiding = 0, last = "";

  const say = (kind, words) => {
    const state = byId("state");
    if (state.textContent !== words) state.textContent = words;
    state.className = kind;
  };

  const lost = (why) => say("lost", `Not live: ${why}; as it was`);
  const SILENCE = "the agent does not answer";
  const refusal = (status) =>
    status === 404 ? "there is no such service now, or its definition cannot be used" : `the agent answers with status ${status}`;

  const wellKnown = (time) => {
    heard = Date.now();
    byId("time").textContent = time;
    say("live", "Live");
  };

  // What a person does with an element outlives its replacement: the focus, and details that are open.
  const targets = (element) => [...element.querySelectorAll("a, summary")];
  const nameOf = (details) => details.parentElement.querySelector(".when").textContent + details.previousElementSibling.textContent;

  const replace = (old, fresh) => {
    const focus = targets(old).indexOf(document.activeElement);
    const open = new Set([...old.querySelectorAll("details[open]")].map(nameOf));
    for (const one of open.size ? fresh.querySelectorAll("details") : []) one.open = open.has(nameOf(one));
    old.replaceWith(fresh);
    if (focus >= 0) (targets(fresh)[focus] || byId("main")).focus({ preventScroll: true });
  };

  const arrange = (list, keys, added) => {
    const wanted = new Set(keys);
    for (const child of [...list.children]) if (!wanted.has(child.id)) child.remove();
    let place = list.firstElementChild;
    for (const key of keys) {
      const element = added.get(key) || byId(key);
      if (element === place) place = place.nextElementSibling;
      else if (element) list.insertBefore(element, place);
    }
  };

  const headline = () => {
    const words = byId("headline").textContent.trim();
    if (byId("said").textContent !== words) byId("said").textContent = words;
    document.title = `${words} · ${document.body.dataset.title}`;
  };

  const take = (update) => {
    const added = new Map();
    for (const [key, text] of Object.entries(update.texts)) {
      template.innerHTML = text.trim();
      const fresh = template.content.firstElementChild, old = byId(key);
      fresh.classList.add("fresh");
      if (old) replace(old, fresh);
      else added.set(key, fresh);
    }
    for (const [name, keys] of Object.entries(update.orders)) arrange(byId(name), keys, added);
    if ("glance" in update.texts) headline();
    wellKnown(update.time);
  };

  const close = () => {
    if (stream) stream.close();
    stream = null;
  };

  const follow = () => {
    if (stream) return;
    stream = new EventSource(`${document.body.dataset.stream}?at=${encodeURIComponent(at)}`);
    stream.addEventListener("open", () => { heard = Date.now(); say("live", "Live"); });
    stream.addEventListener("update", (event) => { at = event.lastEventId; take(JSON.parse(event.data)); });
    stream.addEventListener("beat", (event) => wellKnown(JSON.parse(event.data).time));
    stream.addEventListener("error", () => {
      // A browser gives up by itself only on an answer that is no stream; it tries again where none comes.
      const refused = stream && stream.readyState === EventSource.CLOSED;
      lost(refused ? "the agent refuses to be followed now" : SILENCE);
      if (refused) { close(); setTimeout(follow, AGAIN); }
    });
  };

  const watch = () => {
    if (stream && heard && Date.now() - heard > SILENT) { lost("nothing comes"); close(); follow(); }
  };
  // A tab that nobody sees for a while gives its place to somebody else.
  const see = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, HIDDEN);
    else follow();
  };

  // The page of one service is asked for again, and taken over if it differs.
  const again = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) { lost(refusal(answer.status)); return; }
      template.innerHTML = await answer.text();
      const fresh = template.content.querySelector("main"), old = byId("main");
      const text = fresh.innerHTML;
      if (text !== last) replace(old, fresh);
      last = text;
      wellKnown(template.content.querySelector("#time").textContent);
    } catch {
      lost(SILENCE);
    }
  };

  if (document.body.dataset.stream) {
    setInterval(watch, 5000);
    document.addEventListener("visibilitychange", see);
    headline();
    follow();
  } else {
    setInterval(again, document.body.dataset.again * 1000);
  }
})();
