// Sets of inputs to try with one click. Their pictures are drawn by this project (examples/pictures).

const picture = (name) => ({ name, address: new URL(`../examples/${name}`, import.meta.url).href });

export const EXAMPLES = [
  {
    title: "Words find pictures",
    text: "Three drawings and the three words for them. Which word is nearest to which drawing?",
    inputs: [
      { text: "", pictures: ["cat.png"] },
      { text: "", pictures: ["tree.webp"] },
      { text: "", pictures: ["blue_circle.png"] },
      { text: "a cat", pictures: [] },
      { text: "a tree", pictures: [] },
      { text: "a blue circle", pictures: [] },
    ],
  },
  {
    title: "Pictures inside a sentence",
    text: "The same two pictures, named in two orders, beside words for one of the scenes.",
    inputs: [
      { text: "<@cat> in front of <@house>", pictures: ["cat.png", "house.jpg"] },
      { text: "<@house> in front of <@cat>", pictures: ["cat.png", "house.jpg"] },
      { text: "a cat in front of a house", pictures: [] },
    ],
  },
  {
    title: "Shapes and colours",
    text: "A red square and a blue circle, alone and together, and the words for both and for neither.",
    inputs: [
      { text: "", pictures: ["red_square.png"] },
      { text: "", pictures: ["blue_circle.png"] },
      { text: "<@red_square> beside <@blue_circle>", pictures: ["red_square.png", "blue_circle.png"] },
      { text: "a red square", pictures: [] },
      { text: "a blue circle", pictures: [] },
      { text: "a green tree", pictures: [] },
    ],
  },
];

/** The pictures that stand for a set. */
export const picturesOf = (set) => [...new Set(set.inputs.flatMap(({ pictures }) => pictures))].map(picture);

/** The file of an example picture. */
export async function fileOf(name) {
  const answer = await fetch(picture(name).address);
  if (!answer.ok) throw new Error(`The example picture ${name} could not be loaded.`);
  const blob = await answer.blob();
  // Always the same moment, so that it is the same picture each time (`fromFile`).
  return new File([blob], name, { type: blob.type, lastModified: 0 });
}
