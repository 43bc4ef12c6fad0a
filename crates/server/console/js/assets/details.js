// One asset: the picture, what is known of it, and what can be done with it.

import { assets } from "../api.js";
import { h } from "../dom.js";
import { bytes, moment } from "../format.js";
import { copyButton } from "../parts/copy.js";
import { openDialog } from "../parts/dialog.js";

/** Opens the details of `asset`; `remove(asset)` is called when it is to go. */
export function openDetails(asset, remove) {
  openDialog(asset.filename, (close) => [
    h("div.detail", {},
      h("div.large", {}, h("img", { src: assets.pictureAddress(asset._id), alt: `The picture ${asset.filename}` })),
      h("div.stack", {}, properties(asset))),
    h("div.dialog-actions", {},
      remove && h("button.button.danger", {
        type: "button",
        onclick: () => {
          close();
          remove(asset);
        },
      }, "Delete"),
      h("a.button", { href: `#/search?asset=${asset._id}`, onclick: () => close() }, "Find similar"),
      copyButton("Copy id", () => asset._id),
      h("button.button.primary", { type: "button", autofocus: true, onclick: () => close() }, "Close")),
  ], { wide: true });
}

function properties(asset) {
  const facts = asset.technical_metadata ?? {};
  const rows = [
    ["Id", h("code", {}, asset._id)],
    ["Type", asset.file_type],
    ["Size", asset.size === undefined ? undefined : bytes(asset.size)],
    ["Pixels", facts.image_width && `${facts.image_width} × ${facts.image_height}`],
    ["Added", moment(asset.created_at)],
    ["By", { direct: "upload", url: "URL", multipart: "upload in parts" }[asset.method]],
    ["SHA-256", asset.sha256 && h("code", {}, asset.sha256)],
    ...Object.entries(asset.user_metadata ?? {}).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : String(value)]),
  ];
  return h("dl.properties", {}, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
