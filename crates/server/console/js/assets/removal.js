// Deletion that can be taken back for a few seconds: until then nothing is deleted at all.

import { assets } from "../api.js";
import { listeners } from "../listeners.js";
import { notify, notifyFault, speak } from "../notices.js";

const UNDO_MS = 6_000;
const NOT_FOUND = 404;

/** What waits to be deleted, by id: `{filename, finish}`. */
const pending = new Map();
const changes = listeners();

// Whoever leaves in the meantime has decided.
window.addEventListener("pagehide", () => {
  for (const id of pending.keys()) assets.removeLeaving(id);
  pending.clear();
});

/** Whether the asset is about to be deleted, and should not be shown. */
export const isGoing = (id) => pending.has(id);

/** Calls `listener()` when an asset goes, is gone, or comes back, until `signal`. */
export const onRemoval = changes.add;

/** Takes `asset` away, and deletes it when nobody has undone that for a while. */
export function removeLater(asset) {
  const { _id: id, filename } = asset;
  const forget = () => {
    if (pending.delete(id)) changes.tell();
  };
  let done;
  const remove = async () => {
    if (!pending.has(id)) return;
    try {
      await assets.remove(id);
      speak(`${filename} is deleted.`);
    } catch (error) {
      if (error.status !== NOT_FOUND) notifyFault(error);
    }
    forget();
  };
  const dismiss = notify(`${filename} will be deleted.`, {
    action: { label: "Undo", run: forget }, gone: () => (done = remove()), milliseconds: UNDO_MS,
  });
  const finish = () => {
    dismiss();
    return done;
  };
  pending.set(id, { filename, finish });
  changes.tell();
}

/** Deletes at once what waits to be deleted. */
export const finishRemovals = () => Promise.all([...pending.values()].map(({ finish }) => finish()));

/** Gives up what waits to be deleted, because it cannot be any more; gives the names. */
export function abandonRemovals() {
  const names = [...pending.values()].map(({ filename }) => filename);
  pending.clear();
  return names;
}
