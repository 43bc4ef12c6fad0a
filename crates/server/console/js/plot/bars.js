// A chart of one value for each day.

import { s } from "../dom.js";
import { count } from "../format.js";
import { toWidth } from "./to_width.js";

const HEIGHT = 240;
const LEFT = 56;
const BOTTOM = 26;
const TOP = 12;
const TICKS = 4;
const LABEL_PX = 72;

/** `days` are `[day, value]`. The numbers are in the table below the chart, for who cannot see it. */
export function bars(days, label, isBad) {
  return toWidth(HEIGHT, (width) => drawn(days, label, isBad, width));
}

function drawn(days, label, isBad, fullWidth) {
  const top = niceCeiling(Math.max(1, ...days.map(([, value]) => value)));
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const step = (fullWidth - LEFT) / days.length;
  const total = days.reduce((sum, [, value]) => sum + value, 0);
  const chart = s("svg", {
    class: "plot", viewBox: `0 0 ${fullWidth} ${HEIGHT}`, role: "img",
    "aria-label": `${label} per day, ${days[0][0]} to ${days.at(-1)[0]}: ${count(total)} in all, at most ${count(Math.max(...days.map(([, value]) => value)))} on a day.`,
  });
  const lines = Math.min(TICKS, top);
  for (let tick = 0; tick <= lines; tick += 1) {
    const value = (top / lines) * tick;
    chart.append(
      s("line", { class: "axis", x1: LEFT, x2: fullWidth, y1: y(value), y2: y(value) }),
      s("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, count(Math.round(value))));
  }
  const every = Math.ceil(days.length / (fullWidth / LABEL_PX));
  days.forEach(([day, value], at) => {
    const x = LEFT + at * step;
    const width = Math.max(1, Math.min(36, step * 0.72));
    if (value) {
      const height = Math.max(1.5, y(0) - y(value));
      chart.append(s("rect", { class: isBad ? "bar bad" : "bar", x: x + (step - width) / 2, y: y(0) - height, width, height, rx: Math.min(3, width / 3) },
        s("title", {}, `${day}: ${count(value)}`)));
    }
    if ((days.length - 1 - at) % every === 0) {
      chart.append(s("text", { class: "tick", x: x + step / 2, y: HEIGHT - 7, "text-anchor": at === days.length - 1 && days.length > 1 ? "end" : "middle" }, day.slice(5)));
    }
  });
  return chart;
}

/** The next of 1, 2, 4, 5, 8, 10, 20, … */
function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].map((factor) => factor * power).find((candidate) => candidate >= value);
}
