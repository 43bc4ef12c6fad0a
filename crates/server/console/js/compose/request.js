// What goes to the server for an input, and its words in other languages.

const NAMED = /<@[A-Za-z0-9_.-]{1,64}>/;

/** Whether there is anything to embed. */
export const isEmpty = ({ text, pictures }) => !text.trim() && !pictures.length;

/** What an input is made of: `text`, `picture` or `both`. */
export function kindOf({ text, pictures }) {
  if (!pictures.length) return "text";
  return text.trim() ? "both" : "picture";
}

/** A short name of an input, for tables and maps. */
export function labelOf({ text, pictures }) {
  return text.trim() || pictures.map(({ filename }) => filename).join(", ");
}

/** What two inputs have in common only if they are the same: their label may be the same by chance. */
export function contentOf({ text, pictures }) {
  return JSON.stringify([text, pictures.map(({ name, content }) => [name, content])]);
}

/** The parts of a request: `{inputType, modelName, dimension, text, pictures}`. */
export function planned(input, model, dimension) {
  const kind = kindOf(input);
  // A text alone knows no names; one that speaks of a picture which is not there shall be told so.
  const words = NAMED.test(input.text) ? "multi_input" : "text";
  const plain = { text: words, picture: input.pictures.length === 1 ? "image" : "multi_input", both: "multi_input" }[kind];
  return {
    inputType: model.input_types.includes(plain) ? plain : "multi_input",
    modelName: model.name,
    dimension: model.takes_dimension ? dimension : undefined,
    text: input.text.trim() ? input.text : undefined,
    pictures: input.pictures,
  };
}

/** The body of `POST /embed-v2`; `sourceOf(picture)` says where a picture's bytes are. */
export async function bodyOf(plan, sourceOf = (picture) => picture.source()) {
  const body = { input_type: plan.inputType, model_name: plan.modelName };
  if (plan.dimension) body.embedding_dimension = plan.dimension;
  if (plan.inputType === "text") body.text = { input_text: plan.text };
  else if (plan.inputType === "image") body.image = { media_source: await sourceOf(plan.pictures[0]) };
  else {
    body.multi_input = {};
    if (plan.text !== undefined) body.multi_input.input_text = plan.text;
    if (plan.pictures.length) {
      body.multi_input.media_sources = await Promise.all(plan.pictures.map(async (picture) => ({
        name: picture.name, media_type: "image", ...(await sourceOf(picture)),
      })));
    }
  }
  return body;
}
