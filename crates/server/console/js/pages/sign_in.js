// Sign in, or make an account where that is open.

import { session, users } from "../api.js";
import { h } from "../dom.js";
import { field, form } from "../parts/field.js";

export async function show({ situation, where, gate, enter }) {
  if (situation.needs_set_up) return welcome(gate);
  const joins = situation.sign_up_is_open && where.name === "sign-up";
  return joins ? signUp(situation, gate, enter) : signIn(situation, gate, enter);
}

function welcome(gate) {
  return gate("Welcome", "This server has no console account yet.",
    h("p", {}, "Open the set-up link that the server printed when it started. It works once, for 24 hours; a restart prints a new one."),
    h("pre", { tabIndex: 0, "aria-label": "What the server prints" }, `Set up the console in a browser\n${location.origin}/#/set-up/…`));
}

/** What a password must have. */
export function passwordHint(situation) {
  return `At least ${situation.password_chars_min} characters; a few words are better.`;
}

/** Fields for an address and a password. */
export function credentials(passwordKind, hint) {
  const email = field("E-mail address", h("input", { type: "email", name: "email", autocomplete: "username", required: true, spellcheck: false }));
  const password = field("Password", h("input", { type: "password", name: "password", autocomplete: passwordKind, required: true }), hint);
  const areFilled = () => {
    if (!email.control.value.includes("@")) email.fault("Write an address such as name@example.com.");
    else if (!password.control.value) password.fault("Write the password.");
    else return true;
    (email.control.getAttribute("aria-invalid") ? email : password).control.focus();
    return false;
  };
  return { email, password, areFilled };
}

function signIn(situation, gate, enter) {
  const { email, password, areFilled } = credentials("current-password");
  const element = form([email, password], "Sign in", async () => {
    if (!areFilled()) return;
    await session.start(email.control.value.trim(), password.control.value);
    await enter();
  });
  const other = situation.sign_up_is_open && h("p", {}, "New here? ", h("a", { href: "#/sign-up" }, "Make an account"));
  const forgotten = h("details.small.quiet", {}, h("summary", {}, "Forgotten the password?"),
    h("p", {}, "An administrator makes a link for a new one under Account, or whoever runs the server:"),
    h("pre", { tabIndex: 0, "aria-label": "Command" }, "onespace accounts reset-password YOU@EXAMPLE.COM"));
  return gate("Sign in", undefined, element, other, forgotten);
}

function signUp(situation, gate, enter) {
  const { email, password, areFilled } = credentials("new-password", passwordHint(situation));
  const element = form([email, password], "Make account", async () => {
    if (!areFilled()) return;
    await users.create({ email: email.control.value.trim(), password: password.control.value });
    location.hash = "#/";
    await enter();
  });
  return gate("Make an account", undefined, element, h("p", {}, h("a", { href: "#/" }, "Sign in instead")));
}
