// Opened by a one-time link: the first account, an invited one, or a new password.

import { users } from "../api.js";
import { h } from "../dom.js";
import { form } from "../parts/field.js";
import { credentials, passwordHint } from "./sign_in.js";

export async function show({ situation, where, gate, enter }) {
  const [link = ""] = where.rest;
  let purpose;
  try {
    ({ purpose } = await users.examineLink(link));
  } catch (error) {
    return gate("This link does not work", error.message, h("a.button", { href: "#/" }, "To the console"));
  }
  if (purpose === "password_reset") return newPassword(situation, link, gate, enter);
  const { email, password, areFilled } = credentials("new-password", passwordHint(situation));
  const element = form([email, password], "Make account", async () => {
    if (!areFilled()) return;
    await users.create({ email: email.control.value.trim(), password: password.control.value, link });
    await enter();
  });
  return purpose === "set_up"
    ? gate("Set up onespace", "Make the first account. It is an administrator's, and can invite others.", element)
    : gate("Join onespace", "You are invited to make an account on this server.", element);
}

function newPassword(situation, link, gate, enter) {
  const { password } = credentials("new-password", passwordHint(situation));
  const element = form([password], "Set password", async () => {
    if (!password.control.value) {
      password.fault("Write the password.");
      return password.control.focus();
    }
    await users.resetPassword(link, password.control.value);
    await enter();
  });
  return gate("New password", "Every browser that is signed in with the old one is signed out.", element);
}
