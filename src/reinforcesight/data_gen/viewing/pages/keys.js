const go = name => document.querySelector(`a[rel="${name}"]`)?.click();
const onKeys = actions => addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing) return;
  const all = {ArrowLeft: () => go("prev"), ArrowRight: () => go("next"), o: () => document.getElementById("outlines")?.click(), ...actions};
  if (Object.hasOwn(all, event.key)) { event.preventDefault(); all[event.key](); }
});
