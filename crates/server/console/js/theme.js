// Light or dark: as the system says, unless chosen here.

const STORED = "onespace-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const currentTheme = () => document.documentElement.dataset.theme;

/** Applies the chosen theme, or the system's; follows the system where none is chosen. */
export function startTheme() {
  const apply = () => {
    document.documentElement.dataset.theme = chosen() ?? (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
}

/** The other theme, remembered by this browser. */
export function switchTheme() {
  const next = currentTheme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function chosen() {
  try {
    const stored = localStorage.getItem(STORED);
    return ["light", "dark"].includes(stored) ? stored : null;
  } catch {
    return null;
  }
}
