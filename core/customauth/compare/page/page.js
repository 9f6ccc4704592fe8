"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  root.classList.add("scripted");

  // The theme: what the system has, until somebody chooses. A page from a file may be refused its storage.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("customauth-theme", value);
      return localStorage.getItem("customauth-theme");
    } catch {
      return null;
    }
  };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = () => { $("theme").textContent = isDark() ? "Light" : "Dark"; };
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  nameTheme();
  dark.addEventListener("change", nameTheme);
  $("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored(root.dataset.theme);
    nameTheme();
  });

  $("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([$("document").textContent], { type: "application/json" }));
    link.download = "customauth-comparison.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  // The filters. What belongs to a slice has all three attributes; a holder in which nothing is left goes too.
  const filters = $("filters");
  const sliced = [...document.querySelectorAll("[data-environment]")];
  const holders = [...document.querySelectorAll("[data-holder]")].reverse();
  const show = () => {
    const chosen = [...filters.elements].filter((each) => each.value !== "all");
    for (const each of sliced) each.hidden = !chosen.every((by) => each.dataset[by.name] === by.value);
    for (const each of holders) {
      each.hidden = ![...each.querySelectorAll("[data-environment]")].some((part) => !part.hidden);
    }
    for (const part of document.querySelectorAll("section.speed")) {
      part.hidden = ![...part.querySelectorAll(".scenario")].some((each) => !each.hidden);
    }
    $("nothing").hidden = sliced.some((each) => !each.hidden);
    close();
  };

  // The answer of a cell: shown while it is pointed at or has the focus, kept by a click until another or Escape.
  const panel = $("answer");
  let cell = null;
  let kept = false;
  const open = (next, keep) => {
    if (cell) cell.setAttribute("aria-expanded", "false");
    cell = next;
    kept = keep;
    const answer = $("answer-" + cell.dataset.answer).cloneNode(true);
    answer.removeAttribute("id");
    answer.hidden = false;
    $("said").replaceChildren(answer);
    const place = cell.getBoundingClientRect();
    panel.classList.toggle("above", place.top + place.height / 2 > innerHeight / 2);
    panel.hidden = false;
    panel.scrollTop = 0;
    cell.setAttribute("aria-expanded", "true");
  };
  const close = () => {
    if (cell) cell.setAttribute("aria-expanded", "false");
    cell = null;
    kept = false;
    panel.hidden = true;
  };
  const cellOf = (event) => event.target.closest && event.target.closest("[data-answer]");
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const found = cellOf(event);
      if (found && found !== cell && !kept) open(found, false);
    });
  }
  for (const kind of ["mouseout", "focusout"]) {
    document.addEventListener(kind, (event) => {
      const to = event.relatedTarget;
      if (cellOf(event) && !kept && !(to && panel.contains(to))) close();
    });
  }
  panel.addEventListener("mouseleave", () => { if (!kept) close(); });
  document.addEventListener("click", (event) => {
    const found = cellOf(event);
    if (found) {
      if (kept && found === cell) close();
      else open(found, true);
    }
  });
  const leave = () => {
    const back = cell;
    close();
    if (back) {
      back.focus();
      close();
    }
  };
  $("close").addEventListener("click", leave);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) leave();
  });

  // On paper nothing can be pointed at.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });

  filters.addEventListener("change", show);
  show();
})();
