// The account: password, invitations, and how the command line names it.

import { users } from "../api.js";
import { h } from "../dom.js";
import { moment } from "../format.js";
import { notify, notifyFault } from "../notices.js";
import { codeBlock, copyButton } from "../parts/copy.js";
import { openDialog } from "../parts/dialog.js";
import { field, form } from "../parts/field.js";

export const title = "Account";

export function show({ situation }) {
  const { email, is_admin: isAdmin } = situation.user;
  return h("div.page", {},
    h("header.page-head", {}, h("h1", {}, "Account"), h("p", {}, `Signed in as ${email}${isAdmin ? ", an administrator" : ""}.`)),
    passwordCard(situation),
    isAdmin && invitationCard(),
    h("section.card", {}, h("h2", {}, "On the command line"),
      h("p.quiet", {}, "Whoever runs the server can make a key for this account without the console:"),
      codeBlock("Shell", `onespace keys create NAME --account ${isAdmin ? "default" : email}`)),
    h("p.quiet.small", {}, `onespace ${situation.version}`));
}

function passwordCard(situation) {
  const current = field("Current password", h("input", { type: "password", autocomplete: "current-password" }));
  const fresh = field("New password", h("input", { type: "password", autocomplete: "new-password" }),
    `At least ${situation.password_chars_min} characters; a few words are better.`);
  const user = h("input", { type: "hidden", autocomplete: "username", value: situation.user.email });
  const element = form([user, current, fresh], "Change password", async () => {
    await users.changePassword(current.control.value, fresh.control.value);
    current.control.value = "";
    fresh.control.value = "";
    notify("The password is changed. Every other browser is signed out.", { kind: "good" });
  });
  return h("section.card", {}, h("h2", {}, "Password"), element);
}

function invitationCard() {
  const invite = async () => {
    try {
      showInvitation(await users.invite());
    } catch (error) {
      notifyFault(error);
    }
  };
  return h("section.card", {}, h("h2", {}, "Invite somebody"),
    h("p.quiet", {}, "A link makes one account, which has keys, pictures and figures of its own. Accounts never see each other's."),
    h("div", {}, h("button.button", { type: "button", onclick: invite }, "Make an invitation link")));
}

function showInvitation({ link, expires_at: expiresAt }) {
  openDialog("Invitation link", (close) => [
    h("p", {}, `Send it to one person. It works once, until ${moment(expiresAt)}, and is not shown again.`),
    h("p.secret", {}, link),
    h("div.dialog-actions", {}, copyButton("Copy link", () => link),
      h("button.button.primary", { type: "button", onclick: () => close() }, "Done")),
  ]);
}
