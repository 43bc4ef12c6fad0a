// Whether another tab, or time, has changed who is signed in.

import { SESSION_ENDED, session } from "./api.js";

const CHANNEL = "onespace-session";

const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : undefined;

/** Tells this browser's other pages that somebody signed in or out. */
export function announceChange() {
  channel?.postMessage("changed");
}

/**
 * Calls `ended()` when a call was refused for want of a session, and `seen(user)` with who is signed
 * in whenever that may have changed: another page said so, or this one was not looked at for a while.
 */
export function watchSession({ ended, seen }) {
  const look = async () => {
    try {
      seen((await session.show()).user);
    } catch {
      // No answer says nothing about the session; the band at the top tells of the silence.
    }
  };
  window.addEventListener(SESSION_ENDED, ended);
  window.addEventListener("pageshow", (event) => event.persisted && look());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  channel?.addEventListener("message", look);
}
