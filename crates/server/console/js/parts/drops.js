// Pictures that are dropped on the page or pasted into it.

import { picturesAmong } from "../compose/pictures.js";

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Takes pictures that are dropped on or pasted into `element`. */
export function acceptDrops(element, take) {
  element.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    element.classList.remove("over");
    take(picturesAmong(event.dataTransfer.files));
  });
  acceptPastes(element, take);
}

/** Takes pictures that are pasted into `target`, until `signal`. */
export function acceptPastes(target, take, signal) {
  target.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (!files.length || event.defaultPrevented) return;
    event.preventDefault();
    take(picturesAmong(files));
  }, { signal });
}

/** A file dropped beside a place that takes it would open in the page's stead, and the page be lost. */
export function refuseStrayDrops() {
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => {
      if (!carriesFiles(event) || event.defaultPrevented) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}
