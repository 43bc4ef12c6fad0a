// Usage: what each key used on each day, as a chart, a table and a file.

import { isCancelled, usage } from "../api.js";
import { onConnectionChange } from "../connection.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { field } from "../parts/field.js";
import { pageHead } from "../parts/page_head.js";
import { bars } from "../plot/bars.js";
import { empty, failed, loading } from "../states.js";
import { TITLES } from "../titles.js";

const METRICS = [["requests", "Requests"], ["images", "Images"], ["tokens", "Tokens"], ["errors", "Errors"]];
const SPANS = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "365 days"]];
const DAY_MS = 86_400_000;

export function show({ signal }) {
  const state = { metric: "requests", key: "", data: undefined };
  const body = h("div.stack", {}, loading());
  const span = field("Time", h("select", {}, SPANS.map(([value, label]) => h("option", { value, selected: value === "30" }, label))));
  const key = field("Key", h("select", {}, h("option", { value: "" }, "All keys")));
  const download = h("a.button", { download: "" }, "Download CSV");
  const draw = () => fill(body, content(state, draw));
  const load = async () => {
    download.href = usage.csvAddress(span.control.value);
    try {
      state.data = await usage.show(span.control.value, signal);
      offerKeys(key.control, state);
      draw();
    } catch (error) {
      if (!isCancelled(error)) fill(body, failed(error, load));
    }
  };
  span.control.addEventListener("change", load);
  key.control.addEventListener("change", () => {
    state.key = key.control.value;
    draw();
  });
  onConnectionChange((isSilent) => !isSilent && load(), signal);
  load();
  return h("div.page", {},
    pageHead(TITLES.usage, "Every request is counted before its answer leaves. Days are in UTC."),
    h("div.controls", {}, span.element, key.element, download),
    body);
}

function offerKeys(select, state) {
  const names = new Map(state.data.rows.map((row) => [row.key_id, row.key_name]));
  if (!names.has(state.key)) state.key = "";
  fill(select, h("option", { value: "" }, "All keys"),
    [...names].map(([id, name]) => h("option", { value: id, selected: id === state.key }, `${name} (${id})`)));
}

function content(state, draw) {
  const rows = state.data.rows.filter((row) => !state.key || row.key_id === state.key);
  if (!rows.length) {
    return empty("Nothing used yet", "Requests of this account's keys, and what you do in this console, will be counted here.",
      h("a.button", { href: "#/playground" }, "Open the playground"));
  }
  const totals = h("div.totals", { role: "group", "aria-label": "What the chart shows" }, METRICS.map(([name, label]) => h("button.total", {
    type: "button", "aria-pressed": String(name === state.metric),
    onclick: () => {
      state.metric = name;
      draw();
    },
  }, h("b", {}, count(sum(rows, name))), h("span", {}, label))));
  const label = METRICS.find(([name]) => name === state.metric)[1];
  return [totals,
    h("section.card", {}, h("h2", {}, `${label} per day`), bars(byDay(state.data, rows, state.metric), label, state.metric === "errors")),
    h("section.card", {}, h("h2", {}, "By key and day"), h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "Usage by key and day" }, table(rows)))];
}

const sum = (rows, metric) => rows.reduce((total, row) => total + row[metric], 0);

/** `[day, value]` of every day, those without use included. */
function byDay(data, rows, metric) {
  const found = new Map();
  for (const row of rows) found.set(row.day, (found.get(row.day) ?? 0) + row[metric]);
  const days = [];
  for (let time = Date.parse(data.from); time <= Date.parse(data.to); time += DAY_MS) {
    const day = new Date(time).toISOString().slice(0, 10);
    days.push([day, found.get(day) ?? 0]);
  }
  return days;
}

function table(rows) {
  return h("table.list", {},
    h("thead", {}, h("tr", {}, ["Day", "Key"].map((name) => h("th", { scope: "col" }, name)),
      METRICS.map(([, label]) => h("th.number", { scope: "col" }, label)))),
    h("tbody", {}, [...rows].reverse().map((row) => h("tr", {},
      h("td.day", {}, row.day), h("td.name", {}, row.key_name),
      METRICS.map(([name]) => h("td.number", {}, count(row[name])))))));
}
