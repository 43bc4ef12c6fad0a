// Opened by a one-time link: the first account, or an invited one.

import { users } from "../api.js";
import { h } from "../dom.js";
import { form } from "../parts/field.js";
import { credentials } from "./sign_in.js";

export async function show({ situation, where, gate, enter }) {
  const [link = ""] = where.rest;
  let purpose;
  try {
    ({ purpose } = await users.examineLink(link));
  } catch (error) {
    return gate("This link does not work", error.message, h("a.button", { href: "#/" }, "To the console"));
  }
  const hint = `At least ${situation.password_chars_min} characters; a few words are better.`;
  const { email, password, areFilled } = credentials("new-password", hint);
  const element = form([email, password], "Make account", async () => {
    if (!areFilled()) return;
    await users.create({ email: email.control.value.trim(), password: password.control.value, link });
    await enter();
  });
  return purpose === "set_up"
    ? gate("Set up onespace", "Make the first account. It is an administrator's, and can invite others.", element)
    : gate("Join onespace", "You are invited to make an account on this server.", element);
}
