// Deletion that can be taken back for a few seconds: until then nothing is deleted at all.

import { assets } from "../api.js";
import { notify, notifyFault } from "../notices.js";

const UNDO_MS = 6_000;
const pending = new Map();

// Whoever leaves in the meantime has decided.
window.addEventListener("pagehide", () => {
  for (const id of pending.keys()) assets.removeLeaving(id);
  pending.clear();
});

/** Whether the asset is about to be deleted, and should not be shown. */
export const isGoing = (id) => pending.has(id);

/** Takes `asset` away; `changed()` is called when it goes, and when it comes back. */
export function removeLater(asset, changed) {
  const bringBack = () => {
    pending.delete(asset._id);
    changed();
  };
  const remove = async () => {
    if (!pending.has(asset._id)) return;
    try {
      await assets.remove(asset._id);
    } catch (error) {
      if (error.status !== 404) notifyFault(error);
    }
    bringBack();
  };
  pending.set(asset._id, asset);
  changed();
  notify(`${asset.filename} is deleted.`, { action: { label: "Undo", run: bringBack }, gone: remove, milliseconds: UNDO_MS });
}
