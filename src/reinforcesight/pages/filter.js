const selects = [...document.querySelectorAll("select[data-filter]")];
const cards = [...document.querySelectorAll("#filtered .card")];
const refresh = () => {
  let shown = 0;
  for (const card of cards) {
    card.hidden = !selects.every(select => !select.value || card.dataset[select.dataset.filter] === select.value);
    shown += !card.hidden;
  }
  const count = document.getElementById("count");
  if (count) count.textContent = `${shown} of ${cards.length} shown`;
};
selects.forEach(select => select.addEventListener("change", refresh));
document.getElementById("outlines")?.addEventListener("change", event =>
  document.body.classList.toggle("no-outlines", !event.target.checked));
if (selects.length) refresh();
