// `@` in a text offers the names of the pictures, and puts `<@name>` in its place.

import { fill, freshId, h } from "../dom.js";

/** Offers what `pictures()` gives while somebody writes in `area`; gives the list's element. */
export function offerNames(area, pictures) {
  const list = h("ul.options", { id: freshId("names"), role: "listbox", "aria-label": "Pictures to name", hidden: true });
  let matches = [];
  let active = 0;

  area.setAttribute("role", "combobox");
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", list.id);
  area.setAttribute("aria-expanded", "false");

  const close = () => {
    list.hidden = true;
    matches = [];
    area.setAttribute("aria-expanded", "false");
    area.removeAttribute("aria-activedescendant");
  };
  const highlight = () => {
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    area.setAttribute("aria-activedescendant", list.children[active].id);
  };
  const choose = (picture) => {
    const { start, end } = begun(area);
    area.setRangeText(`<@${picture.name}>`, start, end, "end");
    close();
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const update = () => {
    const word = begun(area);
    matches = word ? pictures().filter(({ name }) => name.toLowerCase().startsWith(word.text.toLowerCase())) : [];
    if (!matches.length) return close();
    active = 0;
    fill(list, matches.map((picture) => h("li", {
      id: freshId("name"), role: "option",
      onmousedown: (event) => {
        event.preventDefault();
        choose(picture);
      },
    }, h("img", { src: picture.address, alt: "" }), `<@${picture.name}>`)));
    list.hidden = false;
    area.setAttribute("aria-expanded", "true");
    highlight();
  };
  area.addEventListener("input", update);
  area.addEventListener("click", update);
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) active = (active + step + matches.length) % matches.length;
    else if (event.key === "Enter" || event.key === "Tab") choose(matches[active]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (step) highlight();
  });
  return list;
}

/**
 * The `@` or `<@` and the letters after it, just before the cursor; `end` is where a mention that is
 * complete already ends. The `@` of an e-mail address begins none.
 */
function begun(area) {
  const { value, selectionStart: cursor } = area;
  const found = /(?:<@|(?<![A-Za-z0-9_.+-])@)([A-Za-z0-9_.-]*)$/.exec(value.slice(0, cursor));
  if (!found) return null;
  const rest = found[0].startsWith("<") && /^[A-Za-z0-9_.-]*>/.exec(value.slice(cursor));
  return { start: found.index, end: cursor + (rest ? rest[0].length : 0), text: found[1] };
}
