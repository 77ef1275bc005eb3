"use strict";
(() => {
  const form = document.querySelector(".filter");
  const rows = [...document.querySelectorAll(".row")];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const shown = form.querySelector(".shown");

  const filter = () => {
    const asked = new FormData(form);
    const sought = asked.get("words").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = ["verdict", "level", "basis", "area"].every((key) => !asked.get(key) || row.dataset[key] === asked.get(key));
      row.hidden = !(fits && sought.every((word) => words.get(row).includes(word)));
      count += !row.hidden;
    }
    for (const area of document.querySelectorAll(".area")) area.hidden = !area.querySelector(".row:not([hidden])");
    shown.textContent = `${count} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  const reveal = () => {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row || !row.classList.contains("row")) return;
    if (row.hidden) { form.reset(); filter(); }
    row.open = true;
    row.scrollIntoView();
    row.querySelector("summary").focus();
  };
  addEventListener("hashchange", reveal);
  reveal();

  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    const text = button.parentElement.querySelector("pre");
    button.setAttribute("aria-label", `Copy: ${text.getAttribute("aria-label")}`);
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(text);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected";
      }
    });
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = rows.filter((row) => row.dataset.verdict === "fail" && !row.open);
    for (const row of closed) row.open = true;
  });
  addEventListener("afterprint", () => { for (const row of closed) row.open = false; });
})();
