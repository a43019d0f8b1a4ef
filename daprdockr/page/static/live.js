// The page as it changes: server-sent events replace the elements that differ. Without this file the page is whole, too.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const SILENT = 30000, HIDDEN = 60000, AGAIN = 10000;
  const template = document.createElement("template");
  let stream = null, at = document.body.dataset.at, heard = 0, hiding = 0, away = false, last = "", title = document.title;

  // The title of the tab says, too, that the page is out of date.
  const entitle = () => { document.title = byId("state").className === "lost" ? `Not live · ${title}` : title; };

  const say = (kind, words) => {
    const state = byId("state");
    if (state.textContent !== words) state.textContent = words;
    state.className = kind;
    entitle();
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

  // What a person does with an element outlives its replacement: details that are open, and the focus. Lines of the
  // timeline have no ids and change their places, so one is known by its words.
  const lineOf = (element) => {
    const line = element.closest("#timeline li");
    return line ? [".when", ".who", ".what"].map((part) => line.querySelector(part).textContent).join(" ") : "";
  };
  const nameOf = (target) => `${lineOf(target)} ${target.getAttribute("href")} ${target.textContent}`;

  const replace = (old, fresh) => {
    const open = new Set([...old.querySelectorAll("details[open]")].map(lineOf));
    old.replaceWith(fresh);
    for (const one of open.size ? fresh.querySelectorAll("details") : []) one.open = open.has(lineOf(one));
  };

  // The focus stays with its link, and goes to the whole if that is gone.
  const keepingFocus = (change) => {
    const held = document.activeElement, part = held && held.closest("main [id], main"), name = part && nameOf(held);
    change();
    if (!part || byId("main").contains(document.activeElement)) return;
    const targets = byId(part.id)?.querySelectorAll("a, summary") || [];
    ([...targets].find((one) => nameOf(one) === name) || byId("main")).focus({ preventScroll: true });
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
    title = `${words} · ${document.body.dataset.title}`;
    entitle();
  };

  // An agent that was upgraded writes elements for other files than this page has, so the page is loaded again; but only
  // once for each edition, because agents of two versions may answer in turn.
  const isOld = (edition) => {
    const known = [byId("main").dataset.edition, ...(history.state || [])];
    if (known.includes(edition)) return false;
    history.replaceState([...known.slice(1), edition], "");
    location.reload();
    return true;
  };

  const take = (update) => {
    if (isOld(update.edition)) return;
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
    if (stream || away) return;
    heard = Date.now();
    stream = new EventSource(`${document.body.dataset.stream}?at=${encodeURIComponent(at)}`);
    stream.addEventListener("open", () => { heard = Date.now(); say("live", "Live"); });
    stream.addEventListener("update", (event) => { at = event.lastEventId; keepingFocus(() => take(JSON.parse(event.data))); });
    stream.addEventListener("beat", (event) => wellKnown(JSON.parse(event.data).time));
    stream.addEventListener("error", () => {
      // A browser gives up by itself only on an answer that is no stream; it tries again where none comes.
      const refused = stream && stream.readyState === EventSource.CLOSED;
      lost(refused ? "the agent refuses to be followed now" : SILENCE);
      if (refused) { close(); setTimeout(follow, AGAIN); }
    });
  };

  const watch = () => {
    if (stream && Date.now() - heard > SILENT) { lost("nothing comes"); close(); follow(); }
  };
  // A tab that nobody sees for a while gives its place to somebody else, also if it was never seen or had none yet.
  const give = () => { away = true; close(); say("", "As it was"); };
  const see = () => {
    clearTimeout(hiding);
    away = false;
    if (document.hidden) hiding = setTimeout(give, HIDDEN);
    else follow();
  };

  // The page of one service is asked for again, and taken over if it differs. An agent that hangs answers no question,
  // so none is asked beside one that is open, and that one is given up.
  let asking = false;
  const again = async () => {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(AGAIN) });
      if (!answer.ok) { lost(refusal(answer.status)); return; }
      template.innerHTML = await answer.text();
      const fresh = template.content.querySelector("main"), old = byId("main");
      if (isOld(fresh.dataset.edition)) return;
      const text = fresh.innerHTML;
      if (text !== last) keepingFocus(() => replace(old, fresh));
      last = text;
      wellKnown(template.content.querySelector("#time").textContent);
    } catch {
      lost(SILENCE);
    } finally {
      asking = false;
    }
  };

  if (document.body.dataset.stream) {
    setInterval(watch, 5000);
    document.addEventListener("visibilitychange", see);
    headline();
    follow();
    see();
  } else {
    setInterval(again, document.body.dataset.again * 1000);
  }
})();
