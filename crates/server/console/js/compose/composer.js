// Where an input is made: a text, and pictures that it may name.

import { assets } from "../api.js";
import { fill, freshId, h } from "../dom.js";
import { notify, speak } from "../notices.js";
import { pickAssets } from "../assets/picker.js";
import { acceptDrops } from "../parts/drops.js";
import { offerNames } from "./mention.js";
import { IMAGE_TYPES, fromAsset, fromFile, isName } from "./pictures.js";

const NAME_WIDTH_MAX_CH = 20;

/**
 * A composer with `actions` at its end, for at most `picturesMax` pictures of `bytesMax` each. `changed()` is called after
 * each change. Gives its element, its input (`{text, pictures}`), ways to fill it,
 * and `release()` for when it is not needed any more.
 */
export function composer({ label, placeholder, picturesMax, bytesMax, changed, actions }) {
  const input = { text: "", pictures: [] };
  const area = h("textarea", { id: freshId("text"), placeholder, spellcheck: true, autocomplete: "off", oninput: () => tell() });
  const chips = h("ul.chips", { "aria-label": "Pictures of this input" });
  const names = () => input.pictures.map(({ name }) => name);
  const tell = () => {
    input.text = area.value;
    changed();
  };
  const draw = () => {
    chips.hidden = !input.pictures.length;
    fill(chips, input.pictures.map((picture) => chip(picture, { rename, remove })));
  };
  const add = (make) => {
    if (input.pictures.length >= picturesMax) return notify(`At most ${picturesMax} pictures go into one input.`, { kind: "bad" });
    try {
      const picture = make(names());
      input.pictures.push(picture);
      speak(`Picture ${picture.name} added.`);
    } catch (error) {
      notify(error.message, { kind: "bad" });
    }
    draw();
    tell();
  };
  const rename = (picture, wanted) => {
    if (!isName(wanted) || (wanted !== picture.name && names().includes(wanted))) {
      notify("A name has letters, digits, `_`, `.` and `-`, and no two pictures share one.", { kind: "bad" });
      return draw();
    }
    area.value = area.value.replaceAll(`<@${picture.name}>`, `<@${wanted}>`);
    picture.name = wanted;
    draw();
    tell();
  };
  const remove = (picture) => {
    input.pictures.splice(input.pictures.indexOf(picture), 1);
    picture.release();
    draw();
    tell();
    area.focus();
  };
  const addFiles = (files) => [...files].forEach((file) => add((taken) => fromFile(file, taken, bytesMax)));
  const addAsset = (asset) => add((taken) => fromAsset(asset, taken));

  const files = h("input", {
    type: "file", accept: IMAGE_TYPES, multiple: true, hidden: true, "aria-label": "Pictures from this machine",
    onchange: () => {
      addFiles(files.files);
      files.value = "";
    },
  });
  const element = h("div.composer", {},
    h("div.write.field", {}, h("label", { for: area.id }, label), area, offerNames(area, () => input.pictures)),
    chips,
    h("div.row", {},
      h("button.button.small", { type: "button", onclick: () => files.click() }, "Add pictures"),
      h("button.button.small", { type: "button", onclick: () => pickAssets((asset) => addAsset(asset)) }, "From assets"),
      files, h("span.push"), actions));
  acceptDrops(element, addFiles);
  draw();
  const setText = (text) => {
    area.value = text;
    tell();
  };
  const release = () => input.pictures.forEach((picture) => picture.release());
  return { element, input, area, addFiles, addAsset, setText, release };
}

function chip(picture, { rename, remove }) {
  const name = h("input", {
    value: picture.name, "aria-label": `Name of the picture ${picture.filename}`, spellcheck: false, autocomplete: "off",
    onchange: () => rename(picture, name.value),
  });
  name.style.width = `${Math.min(NAME_WIDTH_MAX_CH, picture.name.length + 2)}ch`;
  return h("li.chip", {},
    h("img", { src: picture.address, alt: picture.filename }), name,
    h("button", { type: "button", "aria-label": `Remove the picture ${picture.name}`, onclick: () => remove(picture) }, "✕"));
}

/** The asset with this id as a picture of `composer`. */
export async function addAssetById(composer, id, signal) {
  composer.addAsset(await assets.one(id, signal));
}
