// JSON with gaps in it, for programs that fill these in themselves.

/** A place in a value that is no JSON: `what` says what a program puts there. */
export class Gap {
  constructor(what) {
    this.what = what;
  }
}

/** `value` as JSON on lines of their own, with each `Gap` by itself between the pieces of text. */
export function pieces(value, margin = "") {
  if (value instanceof Gap) return [value];
  if (value === null || typeof value !== "object") return [JSON.stringify(value)];
  const isList = Array.isArray(value);
  const inner = `${margin}  `;
  const parts = Object.entries(value).map(([name, part], at) => [
    `${at ? "," : ""}\n${inner}${isList ? "" : `${JSON.stringify(name)}: `}`, ...pieces(part, inner),
  ]);
  return [isList ? "[" : "{", ...parts.flat(), `\n${margin}${isList ? "]" : "}"}`];
}
