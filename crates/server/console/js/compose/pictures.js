// Pictures of an input: where their bytes are, and the names by which a text speaks of them.

import { assets } from "../api.js";
import { bytes } from "../format.js";
import { notify } from "../notices.js";

const NAME_CHARS_MAX = 64;
export const IMAGE_TYPES = "image/png,image/jpeg,image/gif,image/webp";

/** The pictures among `files`; says which of them are none. */
export function picturesAmong(files) {
  const isPicture = (file) => file.type.startsWith("image/");
  const others = [...files].filter((file) => !isPicture(file)).map(({ name }) => name);
  if (others.length) notify(`Only pictures are taken (PNG, JPEG, WebP, GIF), not ${others.join(", ")}.`, { kind: "bad" });
  return [...files].filter(isPicture);
}

/** A name that the API takes: of `[A-Za-z0-9_.-]`, made from a file's. */
export function nameFrom(filename, taken) {
  const stem = filename.replace(/\.[^.]*$/, "");
  // Accents go, their letters stay.
  const plain = stem.normalize("NFKD").replace(/\p{M}+/gu, "");
  const clean = plain.replace(/[^A-Za-z0-9_.-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 24) || "picture";
  let name = clean;
  for (let number = 2; taken.includes(name); number += 1) name = `${clean}${number}`;
  return name;
}

export const isName = (name) => name.length <= NAME_CHARS_MAX && /^[A-Za-z0-9_.-]+$/.test(name);

/** A picture from a file; its bytes are read once, when they are needed. */
export function fromFile(file, taken, limit) {
  if (file.size > limit) throw new Error(`${file.name} has ${bytes(file.size)}; at most ${bytes(limit)} are allowed.`);
  let encoded;
  return {
    name: nameFrom(file.name, taken),
    filename: file.name,
    // What tells it from others of its name: every pasted picture is an `image.png`.
    content: `${file.name} ${file.size} ${file.lastModified}`,
    bytesToSend: file.size,
    address: URL.createObjectURL(file),
    source: async () => ({ base64_string: await (encoded ??= toBase64(file)) }),
    release() {
      URL.revokeObjectURL(this.address);
    },
  };
}

/** A picture that the account has stored. */
export function fromAsset(asset, taken) {
  return {
    name: nameFrom(asset.filename, taken),
    filename: asset.filename,
    assetId: asset._id,
    content: asset._id,
    bytesToSend: 0,
    address: assets.pictureAddress(asset._id),
    async source() {
      return { asset_id: this.assetId };
    },
    release() {},
  };
}

function toBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
