// The users of this server, as an administrator sees them: links for them, and the end of one.

import { isCancelled, members, users } from "../api.js";
import { fill, h } from "../dom.js";
import { ago, day, moment } from "../format.js";
import { notify, notifyFault } from "../notices.js";
import { copyButton } from "../parts/copy.js";
import { confirmed, openDialog } from "../parts/dialog.js";
import { failed, loading } from "../states.js";

export function membersCard(signal) {
  const list = h("div", {}, loading());
  const load = async () => {
    try {
      const { members: found } = await members.list(signal);
      fill(list, table(found, load));
    } catch (error) {
      if (!isCancelled(error)) fill(list, failed(error, load));
    }
  };
  const invite = () => showLink("Invitation link", users.invite());
  load();
  return h("section.card", { "aria-labelledby": "members" },
    h("div.row.apart", {}, h("h2", { id: "members" }, "People"),
      h("button.button", { type: "button", onclick: invite }, "Make an invitation link")),
    h("p.quiet", {}, "Each has an account of their own, with keys, pictures and figures that nobody else sees."),
    list);
}

function table(found, reload) {
  const heads = ["E-mail address", "Role", "Joined", "Last seen"];
  return h("table.list.cards", {},
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)), h("td", {}, h("span.visually-hidden", {}, "Actions")))),
    h("tbody", {}, found.map((member) => row(member, reload))));
}

function row(member, reload) {
  const cell = (label, ...content) => h("td", { dataset: { label } }, content);
  const { id, email, is_admin: isAdmin } = member;
  const reset = () => showLink(`New password for ${email}`, members.issueReset(id));
  return h("tr", {},
    h("td.name", {}, email),
    cell("Role", isAdmin ? "administrator" : "member"),
    cell("Joined", day(member.created_at)),
    cell("Last seen", member.last_seen_at ? ago(member.last_seen_at) : "not lately"),
    h("td", {}, h("div.row", {},
      h("button.button.small", { type: "button", "aria-label": `Reset password of ${email}`, onclick: reset }, "Reset password"),
      !isAdmin && h("button.button.small.danger", {
        type: "button", "aria-label": `Close account of ${email}`, onclick: () => closeAccount(member, reload),
      }, "Close account"))));
}

async function closeAccount({ id, email }, reload) {
  const text = `${email} is signed out, every key stops working at once, and every picture with its vectors is deleted. This cannot be undone.`;
  if (!(await confirmed("Close this account?", text, "Close account"))) return;
  try {
    await members.close(id);
    notify(`The account of ${email} is closed.`, { kind: "good" });
  } catch (error) {
    notifyFault(error);
  }
  reload();
}

async function showLink(title, made) {
  try {
    const { link, expires_at: expiresAt } = await made;
    openDialog(title, (close) => [
      h("p", {}, `Send it to one person. It works once, until ${moment(expiresAt)}, and is not shown again.`),
      h("p.secret", {}, link),
      h("div.dialog-actions", {}, copyButton("Copy link", () => link),
        h("button.button.primary", { type: "button", onclick: () => close() }, "Done")),
    ], { lasting: true });
  } catch (error) {
    notifyFault(error);
  }
}
