const table = document.getElementById("board");
const said = document.getElementById("sorted");
const heads = [...table.querySelectorAll("thead th")];
heads.forEach((head, place) => {
  const button = head.querySelector("button");
  const numeric = button.dataset.kind === "number";
  const [first, second] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  button.addEventListener("click", () => {
    const order = head.getAttribute("aria-sort") === first ? second : first;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = row => row.cells[place].dataset.order;
    const compare = (a, b) => numeric ? key(a) - key(b) : key(a).localeCompare(key(b));
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
    said.textContent = `Sorted by ${button.textContent.trim()}, ${order}.`;
  });
});
