// The pages, in the order of the navigation. The page that the server sends before any script runs
// (signed_in.html) has the same; a test compares them.

export const TITLES = {
  playground: "Playground",
  search: "Search",
  assets: "Assets",
  keys: "API keys",
  usage: "Usage",
  account: "Account",
};
