// What stands around the pages: navigation, and who is signed in.

import { fill, h } from "./dom.js";
import { currentTheme, switchTheme } from "./theme.js";
import { TITLES } from "./titles.js";

const ICON = new URL("../icon.svg", import.meta.url).href;

export function brand() {
  return h("a.brand", { href: "#/" }, h("img", { src: ICON, alt: "", width: 24, height: 24 }), "onespace");
}

/** The frame; `show(name, element)` puts a page into it. */
export function frame(person, signOut) {
  const main = h("main.main", { id: "main", tabIndex: -1 });
  const names = Object.keys(TITLES);
  const links = names.map((name) => h("a", { href: `#/${name}` }, TITLES[name]));
  const side = h("header.side", {},
    h("div.side-top", {}, brand()),
    h("nav.nav", { "aria-label": "Pages" }, links),
    h("div.side-foot", {},
      h("span.who.small.quiet", { title: person.email }, person.email),
      themeButton(),
      h("button.button.plain.small", { type: "button", onclick: signOut }, "Sign out")));
  const element = h("div", {},
    skipLink(main),
    h("div.frame", {}, side, main));
  const show = (name, content) => {
    links.forEach((link, at) => {
      if (names[at] === name) {
        link.setAttribute("aria-current", "page");
        // With the next paint, which measures everything anyway.
        requestAnimationFrame(() => link.scrollIntoView({ block: "nearest", inline: "center" }));
      } else link.removeAttribute("aria-current");
    });
    document.title = `${TITLES[name]} – onespace`;
    fill(main, content);
  };
  return { element, main, show };
}

/** A page without navigation: sign-in and the like. */
export function gate(title, text, ...content) {
  document.title = `${title} – onespace`;
  return h("div", {},
    h("main.gate", {},
      h("div.gate-card", {}, brand(), h("div.stack.tight", {}, h("h1", {}, title), text && h("p.quiet", {}, text)), content)));
}

function skipLink(main) {
  return h("a.skip", {
    href: "#main",
    onclick: (event) => {
      event.preventDefault();
      main.focus();
    },
  }, "Skip to content");
}

function themeButton() {
  const label = () => (currentTheme() === "dark" ? "Light colours" : "Dark colours");
  const button = h("button.button.plain.small", {
    type: "button",
    onclick: () => {
      switchTheme();
      button.textContent = label();
    },
  }, label());
  return button;
}
