// Numbers, sizes and times in words.

/** What `make` gives, made when it is first asked for: the browser takes milliseconds to make a formatter. */
function atFirstUse(make) {
  let made;
  return () => (made ??= make());
}

const dayFormat = atFirstUse(() => new Intl.DateTimeFormat("en", { dateStyle: "medium" }));
const momentFormat = atFirstUse(() => new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }));
const countFormat = atFirstUse(() => new Intl.NumberFormat("en"));
const spanFormat = atFirstUse(() => new Intl.RelativeTimeFormat("en", { numeric: "auto" }));

export const day = (text) => dayFormat().format(new Date(text));
export const moment = (text) => momentFormat().format(new Date(text));
export const count = (number) => countFormat().format(number);

/** `3 pictures`, `1 picture`. */
export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function bytes(number) {
  if (number < 1024) return `${number} bytes`;
  const units = ["KiB", "MiB", "GiB"];
  let value = number;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** How long ago, or how long until. */
export function ago(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const steps = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3_600], ["minute", 60]];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return spanFormat().format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** Where this browser's clock is. */
export const timeZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Tomorrow in this browser's time zone, as `2026-12-31`. */
export function tomorrow() {
  const now = new Date();
  const then = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  return [then.getFullYear(), then.getMonth() + 1, then.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** The same day so many months later, or the month's last: as the server counts. */
export function monthsFromNow(months) {
  const now = new Date();
  const then = new Date(now);
  then.setUTCDate(1);
  then.setUTCMonth(then.getUTCMonth() + months);
  const last = new Date(Date.UTC(then.getUTCFullYear(), then.getUTCMonth() + 1, 0)).getUTCDate();
  then.setUTCDate(Math.min(now.getUTCDate(), last));
  return then;
}
