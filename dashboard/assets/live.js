// Keeps the page current while it is looked at. Everything works without it, only not by itself.
"use strict";
(() => {
  const body = document.body;
  const words = { ...body.dataset };
  const badge = document.getElementById("live");
  const PAUSE_MS = 2000; // between two renewals, at least
  const TYPING_MS = 200; // between two letters of a filter, at most
  const IDLE_MS = 30000; // without an event, so that "3 min ago" stays true

  let source = null;
  let renewedAt = Date.now();
  let planned = 0;
  let fetching = false;
  // How far the agent's clock is ahead of this machine's.
  const ahead = (Date.parse(words.now) || Date.now()) - Date.now();

  // Browsers from before 2024 know no popovers, and choke on asking which one is open.
  const popovers = "popover" in HTMLElement.prototype;
  const openSheet = (root) => root.querySelector(popovers ? "[popover]:popover-open" : "[popover].shown");
  const showSheet = (sheet) => { if (popovers) sheet.showPopover(); else sheet.classList.add("shown"); };

  const show = (live) => {
    badge.hidden = false;
    badge.className = live ? "live on" : "live off";
    badge.lastElementChild.textContent = live ? words.live : words.offline;
  };

  // What a reader has done to the page survives its renewal.
  const remember = (main) => {
    const focus = document.activeElement;
    const sheet = openSheet(main);
    return {
      open: new Map([...main.querySelectorAll("details[data-key]")].map((d) => [d.dataset.key, d.open])),
      typed: new Map([...main.querySelectorAll("input[id], select[id]")].map((f) => [f.id, f.value])),
      focus: main.contains(focus) ? { id: focus.id, href: focus.getAttribute("href"), sheet: focus.getAttribute("popovertarget"), closes: focus.hasAttribute("popovertargetaction") } : null,
      caret: focus && "selectionStart" in focus ? [focus.selectionStart, focus.selectionEnd] : null,
      sheet: sheet && { id: sheet.id, scrolled: sheet.scrollTop },
      scrolled: [...main.querySelectorAll(".scroll")].map((s) => s.scrollLeft),
    };
  };

  const restore = (main, kept) => {
    for (const d of main.querySelectorAll("details[data-key]")) {
      if (kept.open.has(d.dataset.key)) d.open = kept.open.get(d.dataset.key);
    }
    for (const f of main.querySelectorAll("input[id], select[id]")) {
      if (kept.typed.has(f.id) && f.value !== kept.typed.get(f.id)) f.value = kept.typed.get(f.id);
    }
    [...main.querySelectorAll(".scroll")].forEach((s, i) => { s.scrollLeft = kept.scrolled[i] || 0; });
    const sheet = kept.sheet && document.getElementById(kept.sheet.id);
    if (sheet) {
      showSheet(sheet);
      sheet.scrollTop = kept.sheet.scrolled;
    }
    if (!kept.focus) return;
    const opens = kept.focus.closes ? "[popovertargetaction]" : ":not([popovertargetaction])";
    const same = kept.focus.id
      ? document.getElementById(kept.focus.id)
      : kept.focus.sheet
      ? main.querySelector(`[popovertarget="${CSS.escape(kept.focus.sheet)}"]${opens}`)
      : kept.focus.href && main.querySelector(`a[href="${CSS.escape(kept.focus.href)}"]`);
    if (!same || same === document.activeElement) return;
    same.focus({ preventScroll: true });
    if (kept.caret && same.setSelectionRange) {
      try { same.setSelectionRange(...kept.caret); } catch { /* not a field with a caret */ }
    }
  };

  // Puts the fresh page around the field that is typed in: a letter of Hangul that is not finished
  // would be lost with its field.
  const graft = (main, field, twin) => {
    for (let [mine, theirs] = [field, twin]; mine !== main; [mine, theirs] = [mine.parentNode, theirs.parentNode]) {
      for (const node of [...mine.parentNode.childNodes]) if (node !== mine) node.remove();
      const beside = [...theirs.parentNode.childNodes];
      const at = beside.indexOf(theirs);
      mine.before(...beside.slice(0, at));
      mine.after(...beside.slice(at + 1));
    }
  };

  const isBusy = () => {
    const selection = getSelection();
    return (selection && !selection.isCollapsed) || document.querySelector("main select:focus");
  };

  // What was asked for by hand is shown at once; a renewal waits until nobody is in its way.
  const renew = async (asked) => {
    planned = 0;
    if (document.hidden || (fetching && !asked)) return;
    if (!asked && isBusy()) { plan(PAUSE_MS); return; }
    fetching = true;
    const address = location.href;
    try {
      const answer = await fetch(address, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = document.getElementById("main");
      const fresh = next.getElementById("main");
      if (!fresh || address !== location.href || (!asked && isBusy())) return;
      const kept = remember(main);
      const said = fresh.querySelector("h1")?.textContent;
      const before = main.querySelector("h1")?.textContent;
      const field = main.contains(document.activeElement) && document.activeElement.matches("input[id]") ? document.activeElement : null;
      const twin = field && fresh.querySelector(`#${CSS.escape(field.id)}`);
      if (twin) graft(main, field, twin);
      else main.replaceWith(fresh);
      const shown = twin ? main : fresh;
      restore(shown, kept);
      const nav = next.querySelector("header nav");
      const oldNav = document.querySelector("header nav");
      if (nav && oldNav && nav.innerHTML !== oldNav.innerHTML && !oldNav.contains(document.activeElement)) oldNav.replaceWith(nav);
      const icon = document.querySelector("link[rel=icon]");
      const nextIcon = next.querySelector("link[rel=icon]");
      if (icon && nextIcon && icon.href !== nextIcon.href) icon.href = nextIcon.href;
      document.title = next.title;
      if (said && before && said !== before) document.getElementById("news").textContent = said;
      enliven(shown);
    } catch { /* the stream notices that the agent is gone */ } finally {
      renewedAt = Date.now();
      fetching = false;
    }
  };

  // A filter keeps in the address bar, without a reload.
  const narrow = (form) => {
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
    const language = new URLSearchParams(location.search).get("lang");
    if (language) asked.set("lang", language);
    const query = asked.toString();
    const address = location.pathname + (query ? `?${query}` : "");
    if (address === location.pathname + location.search) return;
    history.replaceState(null, "", address);
    renew(true);
  };

  const plan = (wait) => {
    if (planned) return;
    planned = setTimeout(() => renew(false), Math.max(wait, renewedAt + PAUSE_MS - Date.now()));
  };

  const connect = () => {
    if (source || document.hidden) return;
    source = new EventSource(words.events);
    source.onopen = () => show(true);
    source.onerror = () => {
      show(false);
      if (source && source.readyState === EventSource.CLOSED) { source = null; setTimeout(connect, 5000); }
    };
    source.addEventListener("snapshot", () => { show(true); plan(0); });
  };

  const disconnect = () => { if (source) { source.close(); source = null; } };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else { connect(); plan(0); }
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => { if (event.persisted) { connect(); plan(0); } });
  setInterval(() => { if (source && source.readyState === EventSource.OPEN && Date.now() - renewedAt > IDLE_MS) plan(0); }, 5000);

  const copy = async (button, text) => {
    const before = button.textContent;
    const label = button.title;
    try { await navigator.clipboard.writeText(text); } catch {
      // Plain http on another machine's address has no clipboard: select, so that a key copies.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = words.copied;
    button.classList.add("done");
    setTimeout(() => { button.textContent = before; button.title = label; button.classList.remove("done"); }, 1500);
  };

  // Times in the reader's own zone, and copy buttons.
  const enliven = (root) => {
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) time.title = `${format.format(at)}\n${time.dateTime}`;
    }
    for (const code of root.querySelectorAll("code.command")) {
      if (!/\s/.test(code.textContent)) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy-code";
      button.textContent = words.copy;
      button.title = words.copy;
      const command = code.textContent;
      button.addEventListener("click", () => copy(button, command));
      // Kept together, and with the punctuation that follows.
      const both = document.createElement("span");
      both.className = "kept";
      code.replaceWith(both);
      both.append(code, button);
      both.after("\u2060");
    }
    for (const button of root.querySelectorAll("button[data-copy-url]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const answer = await fetch(button.dataset.copyUrl);
        if (answer.ok) copy(button, await answer.text());
      });
    }
  };

  // What a cache still holds, second by second; said as the server says it.
  const [HOUR, MINUTE, SECOND] = document.documentElement.lang === "ko" ? ["시간", "분", "초"] : [" h", " min", " s"];
  const count = () => {
    for (const time of document.querySelectorAll("time.countdown")) {
      const left = Math.max(0, Math.floor((Date.parse(time.dateTime) - Date.now() - ahead) / 1000));
      const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
      const words = hours ? `${hours}${HOUR} ${minutes}${MINUTE}` : minutes ? `${minutes}${MINUTE} ${seconds}${SECOND}` : `${seconds}${SECOND}`;
      if (time.textContent !== words) time.textContent = words;
    }
  };
  setInterval(count, 1000);

  if (!popovers) {
    const close = () => { const sheet = openSheet(document); if (sheet) sheet.classList.remove("shown"); return sheet; };
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[popovertarget]");
      if (!button && event.target.closest("[popover]")) return;
      const closed = close();
      const sheet = button && document.getElementById(button.getAttribute("popovertarget"));
      if (sheet && sheet !== closed) showSheet(sheet);
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  }

  let typing = 0;
  const filter = (event) => event.target.closest && event.target.closest("form.filter");
  document.addEventListener("submit", (event) => {
    if (!filter(event)) return;
    event.preventDefault();
    narrow(event.target);
  });
  document.addEventListener("change", (event) => { if (filter(event)) narrow(filter(event)); });
  document.addEventListener("input", (event) => {
    if (!filter(event) || !event.target.matches("input")) return;
    clearTimeout(typing);
    typing = setTimeout(() => { if (event.target.form) narrow(event.target.form); }, TYPING_MS);
  });

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (event.key === "/" && search && !event.ctrlKey && !event.metaKey && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });

  enliven(document);
  if (location.protocol.startsWith("http")) connect();
})();
