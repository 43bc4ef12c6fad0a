// What stands around the pages: navigation, who is signed in, the offline band.

import { onConnectionChange } from "./connection.js";
import { fill, h } from "./dom.js";
import { noticeArea, speak } from "./notices.js";
import { currentTheme, switchTheme } from "./theme.js";

const ICON = new URL("../icon.svg", import.meta.url).href;

const PAGES = [
  ["playground", "Playground"],
  ["search", "Search"],
  ["assets", "Assets"],
  ["keys", "API keys"],
  ["usage", "Usage"],
  ["account", "Account"],
];

export function brand() {
  return h("a.brand", { href: "#/" }, h("img", { src: ICON, alt: "", width: 24, height: 24 }), "onespace");
}

/** The frame; `show(name, title, element)` puts a page into it. */
export function frame(person, signOut) {
  const main = h("main.main", { id: "main", tabIndex: -1 });
  const links = PAGES.map(([name, title]) => h("a", { href: `#/${name}` }, title));
  const side = h("header.side", {},
    h("div.side-top", {}, brand()),
    h("nav.nav", { "aria-label": "Pages" }, links),
    h("div.side-foot", {},
      h("span.who.small.quiet", { title: person.email }, person.email),
      themeButton(),
      h("button.button.plain.small", { type: "button", onclick: signOut }, "Sign out")));
  const element = h("div", {},
    skipLink(main),
    h("div.frame", {}, offlineBand(), side, main),
    noticeArea);
  const show = (name, title, content) => {
    links.forEach((link, at) => {
      if (PAGES[at][0] === name) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      } else link.removeAttribute("aria-current");
    });
    document.title = `${title} – onespace`;
    fill(main, content);
  };
  return { element, main, show };
}

/** A page without navigation: sign-in and the like. */
export function gate(title, text, ...content) {
  document.title = `${title} – onespace`;
  return h("div", {},
    offlineBand(),
    h("main.gate", {},
      h("div.gate-card", {}, brand(), h("div.stack.tight", {}, h("h1", {}, title), text && h("p.quiet", {}, text)), content)),
    noticeArea);
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

function offlineBand() {
  const band = h("div.offline", { role: "alert", hidden: true });
  onConnectionChange((isSilent) => {
    band.hidden = !isSilent;
    band.textContent = isSilent ? "The server does not answer. Trying again…" : "";
    if (!isSilent) speak("The server answers again.");
  });
  return band;
}
