// The account: password, the others for an administrator, and how the command line names it.

import { membersCard } from "../account/members.js";
import { users } from "../api.js";
import { h } from "../dom.js";
import { notify } from "../notices.js";
import { codeBlock } from "../parts/copy.js";
import { field, form } from "../parts/field.js";
import { pageHead } from "../parts/page_head.js";
import { TITLES } from "../titles.js";
import { passwordHint } from "./sign_in.js";

export function show({ situation, signal }) {
  const { email, is_admin: isAdmin } = situation.user;
  return h("div.page", {},
    pageHead(TITLES.account, `Signed in as ${email}${isAdmin ? ", an administrator" : ""}.`),
    passwordCard(situation),
    isAdmin && membersCard(signal),
    h("section.card", {}, h("h2", {}, "On the command line"),
      h("p.quiet", {}, "Whoever runs the server can make a key for this account without the console:"),
      codeBlock("Shell", `onespace keys create NAME --account ${isAdmin ? "default" : email}`)),
    h("p.quiet.small", {}, `onespace ${situation.version}`));
}

function passwordCard(situation) {
  const current = field("Current password", h("input", { type: "password", autocomplete: "current-password" }));
  const fresh = field("New password", h("input", { type: "password", autocomplete: "new-password" }),
    passwordHint(situation));
  const user = h("input", { type: "hidden", autocomplete: "username", value: situation.user.email });
  const element = form([user, current, fresh], "Change password", async () => {
    await users.changePassword(current.control.value, fresh.control.value);
    current.control.value = "";
    fresh.control.value = "";
    notify("The password is changed. Every other browser is signed out.", { kind: "good" });
  });
  return h("section.card", {}, h("h2", {}, "Password"), element);
}
