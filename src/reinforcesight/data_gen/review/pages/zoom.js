const viewer = document.getElementById("viewer"), stage = document.getElementById("stage");
let scale = 1, left = 0, upper = 0, drag = null;
const place = () => {
  const box = viewer.getBoundingClientRect();
  left = Math.min(0, Math.max(left, box.width * (1 - scale)));
  upper = Math.min(0, Math.max(upper, box.height * (1 - scale)));
  stage.style.transform = `translate(${left}px, ${upper}px) scale(${scale})`;
  viewer.classList.toggle("zoomed", scale > 1);
};
// Zoom by a factor about a point (by default the middle); 0 shows the whole picture.
const zoom = (factor, x = viewer.clientWidth / 2, y = viewer.clientHeight / 2) => {
  const target = factor ? Math.min(8, Math.max(1, scale * factor)) : 1;
  left = x - (x - left) * target / scale;
  upper = y - (y - upper) * target / scale;
  scale = target;
  place();
};
const point = event => { const box = viewer.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
viewer.addEventListener("wheel", event => { event.preventDefault(); zoom(event.deltaY < 0 ? 1.25 : 0.8, ...point(event)); }, {passive: false});
viewer.addEventListener("dblclick", event => zoom(scale > 1 ? 0 : 2.5, ...point(event)));
viewer.addEventListener("pointerdown", event => { if (scale > 1) { drag = [event.clientX - left, event.clientY - upper]; viewer.setPointerCapture(event.pointerId); event.preventDefault(); } });
viewer.addEventListener("pointermove", event => { if (drag) { left = event.clientX - drag[0]; upper = event.clientY - drag[1]; place(); } });
["pointerup", "pointercancel"].forEach(name => viewer.addEventListener(name, () => { drag = null; }));
document.getElementById("closer").addEventListener("click", () => zoom(1.5));
document.getElementById("away").addEventListener("click", () => zoom(1 / 1.5));
document.getElementById("whole").addEventListener("click", () => zoom(0));
