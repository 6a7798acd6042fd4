"use strict";
(() => {
  const list = document.getElementById("videos");
  const rows = [...list.children];
  const [search, show, sort, toggle, count, none] = ["search", "show", "sort", "toggle", "count", "none"]
    .map((id) => document.getElementById(id));
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const texts = new Map(rows.map((row) => [row, `${row.dataset.path}/${row.dataset.name}`.toLowerCase()]));

  function compare(key, direction) {
    const value = (row) => row.getAttribute(`data-${key}`);
    return (a, b) => {
      const [left, right] = [value(a), value(b)];
      if (left === null || right === null) return (left === null) - (right === null);
      const order = key === "name" ? collator.compare(left, right) : left - right;
      return direction * order || a.dataset.position - b.dataset.position;
    };
  }

  function reorder() {
    const [key, direction] = sort.value.split(" ");
    list.append(...rows.sort(compare(key, Number(direction))));
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const found = words.every((word) => texts.get(row).includes(word));
      row.hidden = !found || (show.value !== "" && row.dataset.group !== show.value);
      n += !row.hidden;
    }
    none.hidden = n > 0;
    count.textContent = `${n.toLocaleString("en")} of ${rows.length.toLocaleString("en")} videos`;
    label();
  }

  const visible = () => rows.filter((row) => !row.hidden).map((row) => row.firstElementChild);
  const label = () => {
    toggle.textContent = visible().some((details) => !details.open) ? "Open all" : "Close all";
  };

  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const row = target && target.closest("article");
    if (!row) return;
    if (row.hidden) {
      search.value = show.value = "";
      filter();
    }
    row.firstElementChild.open = true;
    // Rows that were not drawn yet change their height when they come into view.
    row.scrollIntoView();
    requestAnimationFrame(() => requestAnimationFrame(() => row.scrollIntoView()));
  }

  search.addEventListener("input", filter);
  show.addEventListener("change", filter);
  sort.addEventListener("change", reorder);
  toggle.addEventListener("click", () => {
    const shown = visible();
    const open = shown.some((details) => !details.open);
    for (const details of shown) details.open = open;
  });
  list.addEventListener("toggle", label, true);
  addEventListener("hashchange", follow);

  document.getElementById("tools").hidden = false;
  if (sort.selectedIndex > 0) reorder(); // browsers restore choices when a page is loaded again
  filter();
  follow();
})();
