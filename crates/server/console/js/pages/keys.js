// API keys: the list, a new one (shown once), and the end of one.

import { isCancelled, keys } from "../api.js";
import { onConnectionChange } from "../connection.js";
import { fill, h } from "../dom.js";
import { ago, day, moment, monthsFromNow, timeZone, tomorrow } from "../format.js";
import { notify, notifyFault } from "../notices.js";
import { codeBlock, copyButton } from "../parts/copy.js";
import { confirmed, openDialog } from "../parts/dialog.js";
import { field, form } from "../parts/field.js";
import { pageHead } from "../parts/page_head.js";
import { PYTHON_SDK } from "../sdks.js";
import { empty, failed, loading } from "../states.js";
import { TITLES } from "../titles.js";

const EXPIRIES = [["1", "1 month"], ["3", "3 months"], ["6", "6 months"], ["12", "12 months"], ["custom", "On a date…"], ["never", "Never"]];
const DEFAULT_EXPIRY = "12";

export function show({ situation, signal }) {
  const list = h("section.card", { "aria-label": "Keys" }, loading());
  const load = async () => {
    try {
      const { keys: found } = await keys.list(signal);
      fill(list, found.length ? table(found, load) : none(create));
    } catch (error) {
      if (!isCancelled(error)) fill(list, failed(error, load));
    }
  };
  const create = () => openCreation(situation, load);
  onConnectionChange((isSilent) => !isSilent && load(), signal);
  load();
  return h("div.page", {},
    pageHead(TITLES.keys, ["A program sends a key in the header ", h("code", {}, "x-api-key"), ". The key opens this account's pictures."],
      h("button.button.primary", { type: "button", onclick: create }, "Create key")),
    list);
}

function none(create) {
  return empty("No keys yet", "Make one, and the official SDKs work against this server.",
    h("button.button", { type: "button", onclick: create }, "Create the first key"));
}

function table(found, reload) {
  const heads = ["Name", "Key", "State", "Created", "Expires", "Last used", ""];
  return h("table.list.cards", {},
    h("thead", {}, h("tr", {}, heads.map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {}, h("span.visually-hidden", {}, "Actions")))))),
    h("tbody", {}, found.map((key) => row(key, reload))));
}

function row(key, reload) {
  const cell = (label, ...content) => h("td", { dataset: { label } }, content);
  return h("tr", {},
    h("td.name", {}, key.name),
    cell("Key", h("code", {}, `${key.prefix}…`)),
    cell("State", h(`span.badge.${key.state}`, {}, key.state)),
    cell("Created", day(key.created_at)),
    cell("Expires", key.expires_at ? h("span", { title: `${moment(key.expires_at)} (${timeZone()})` }, day(key.expires_at)) : "never"),
    cell("Last used", key.last_used_at ? ago(key.last_used_at) : "never"),
    h("td", {}, key.state === "active" && h("button.button.small.danger", {
      type: "button", "aria-label": `Revoke the key ${key.name}`, onclick: () => revoke(key, reload),
    }, "Revoke")));
}

async function revoke(key, reload) {
  const text = `“${key.name}” (${key.prefix}…) stops working at once, for every program that uses it. This cannot be undone.`;
  if (!(await confirmed("Revoke this key?", text, "Revoke"))) return;
  try {
    await keys.revoke(key.id);
    notify(`“${key.name}” is revoked.`, { kind: "good" });
  } catch (error) {
    notifyFault(error);
  }
  reload();
}

function openCreation(situation, reload) {
  openDialog("Create an API key", (close) => {
    const name = field("Name", h("input", { maxLength: 64, autocomplete: "off", placeholder: "laptop" }), "What will use it. 1 to 64 characters.");
    const expiry = field("Expires after", h("select", {}, EXPIRIES.map(([value, label]) =>
      h("option", { value, selected: value === DEFAULT_EXPIRY }, label))));
    const date = field("Last day", h("input", { type: "date", min: tomorrow(), value: tomorrow() }), `Until midnight at its end, in this browser's time (${timeZone()}).`);
    date.element.hidden = true;
    expiry.control.addEventListener("change", () => {
      date.element.hidden = expiry.control.value !== "custom";
    });
    const submit = async () => {
      const called = name.control.value.trim();
      if (!called) {
        name.fault("Give the key a name.");
        return name.control.focus();
      }
      const made = await keys.create(called, expiresAt(expiry.control.value, date.control.value));
      close();
      openSecret(situation, made);
      reload();
    };
    return form([name, expiry, date], "Create key", submit);
  });
}

function expiresAt(choice, date) {
  if (choice === "never") return null;
  if (choice !== "custom") return monthsFromNow(Number(choice)).toISOString();
  // Without a zone, the browser's own.
  const end = new Date(`${date}T23:59:59`);
  if (Number.isNaN(end.getTime())) throw new Error("Choose the last day of the key.");
  return end.toISOString();
}

function openSecret(situation, { secret, key }) {
  const shell = `export TWELVELABS_BASE_URL=${situation.base_url}/v1.3\nexport TWELVE_LABS_API_KEY=${secret}`;
  const python = [
    `# pip install ${PYTHON_SDK}`,
    "from twelvelabs import TextInputRequest, TwelveLabs",
    `client = TwelveLabs(api_key="${secret}")`,
    'answer = client.embed.v_2.create(input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a cat"))',
    "print(len(answer.data[0].embedding))",
  ].join("\n");
  openDialog(`The key “${key.name}”`, (close) => [
    h("p", {}, "Copy it now: it is shown this once, and nobody can read it again."),
    h("p.secret", { id: "new-key" }, secret),
    h("div", {}, copyButton("Copy key", () => secret)),
    codeBlock("Shell", shell),
    codeBlock("Python", python),
    h("div.dialog-actions", {}, h("button.button.primary", { type: "button", onclick: () => close() }, "Done")),
  ], { wide: true, lasting: true });
}
