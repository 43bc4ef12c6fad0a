// Whose page this is.
//
// A page belongs to the first user that it sees. All that it holds is theirs: inputs, pictures,
// vectors, waiting uploads. So it never goes on for anybody else: it is loaded again as a whole.

const USER_HEADER = "x-onespace-user";
const FAREWELL = "onespace-farewell";

let owner;
let isOver = false;

const identity = (user) => user && `${user.account_id}/${user.id}`;

/** Ties the page to `user`. */
export function belongTo(user) {
  owner = user;
}

/** Whether somebody is signed in here. */
export const hasOwner = () => owner !== undefined;

/** Whether the page may go on when `user` (null: nobody) is signed in. */
export const isPageOf = (user) => !owner || identity(owner) === identity(user);

/** Whether the page is being loaded again, and should show nothing more. */
export const isBeingLeft = () => isOver;

/** What a request says of whom it is for: the server refuses it when its session is another's. */
export const ownerHeaders = () => (owner?.id ? { [USER_HEADER]: owner.id } : {});

/** Loads the page again; `farewell` is what the next one is to know (`takeFarewell`). */
export function loadAgain(farewell) {
  if (isOver) return;
  isOver = true;
  // At once: the page may stay for a while if the server is slow.
  document.body.replaceChildren();
  try {
    if (farewell) sessionStorage.setItem(FAREWELL, JSON.stringify(farewell));
  } catch {
    // Without storage nothing is said.
  }
  location.reload();
}

/** What the page before this one left to be told, once. */
export function takeFarewell() {
  try {
    const left = sessionStorage.getItem(FAREWELL);
    sessionStorage.removeItem(FAREWELL);
    return JSON.parse(left);
  } catch {
    return null;
  }
}
