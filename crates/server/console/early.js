// Before the first paint: which page the address names, and the colours chosen in this browser.
(() => {
  const root = document.documentElement;
  root.dataset.page = location.hash.replace(/^#\/?/, "").split(/[/?]/)[0] || "playground";
  try {
    const theme = localStorage.getItem("onespace-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Without storage, the system's colours.
  }
})();
