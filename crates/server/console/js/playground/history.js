// Everything embedded since the page was loaded, oldest first.

const OUTCOMES_MAX = 200;

const outcomes = [];

/** All of them. */
export const embedded = () => outcomes;

/** Adds an outcome; an earlier one of the same input in the same space gives way. */
export function remember(outcome) {
  const isSame = (one) => one.content === outcome.content && one.space === outcome.space && one.vector.length === outcome.vector.length;
  const again = outcomes.findIndex(isSame);
  if (again >= 0) outcomes.splice(again, 1);
  outcomes.push(outcome);
  if (outcomes.length > OUTCOMES_MAX) outcomes.shift();
}
