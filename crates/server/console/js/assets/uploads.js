// Uploads: a few at a time, each with its progress, and each can be cancelled.

import { Silence, isCancelled, refusalOf, send } from "../api.js";
import { noteSilence } from "../connection.js";
import { h } from "../dom.js";
import { bytes } from "../format.js";
import { listeners } from "../listeners.js";
import { speak } from "../notices.js";
import { ownerHeaders } from "../ownership.js";

const AT_ONCE = 3;

/**
 * A queue of uploads, for as long as the page is its owner's. Gives its element, which the page of
 * the assets shows, ways to add, `onDone(listener, signal)` and how many are `unfinished()`.
 */
export function uploadQueue(bytesMax) {
  const element = h("div.uploads", { "aria-label": "Uploads", role: "group" });
  const waiting = [];
  const done = listeners();
  let running = 0;

  const next = () => {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      waiting.shift().work().finally(() => {
        running -= 1;
        next();
      });
    }
  };
  const enqueue = (name, work, fault) => {
    const line = uploadLine(name, element);
    if (fault) return line.fail(fault);
    waiting.push({ line, work: async () => {
      if (line.signal.aborted) return;
      try {
        const asset = await work(line);
        line.finish();
        speak(`${name} is uploaded.`);
        done.tell(asset);
      } catch (error) {
        if (!isCancelled(error)) line.fail(error.message);
      }
    } });
    next();
  };
  const addFiles = (files) => [...files].forEach((file) => {
    const fault = file.size > bytesMax ? `The file has ${bytes(file.size)}; at most ${bytes(bytesMax)} are allowed.` : undefined;
    enqueue(file.name, (line) => uploadFile(file, line), fault);
  });
  const addUrl = (url) => enqueue(url, (line) => uploadUrl(url, line));
  const unfinished = () => running + waiting.filter(({ line }) => !line.signal.aborted).length;
  return { element, addFiles, addUrl, onDone: done.add, unfinished };
}

function uploadLine(name, list) {
  const cancelling = new AbortController();
  const bar = h("progress", { max: 1, "aria-label": `Progress of ${name}` });
  const button = h("button.button.small.plain", { type: "button", "aria-label": `Cancel the upload of ${name}` }, "Cancel");
  const element = h("div.upload", {}, h("span.what", { title: name }, name), button, bar);
  button.addEventListener("click", () => {
    cancelling.abort();
    element.remove();
  });
  list.append(element);
  return {
    signal: cancelling.signal,
    progress: (share) => {
      if (share === undefined) bar.removeAttribute("value");
      else bar.value = share;
    },
    finish: () => element.remove(),
    fail: (message) => {
      element.classList.add("failed");
      bar.remove();
      button.textContent = "Close";
      button.setAttribute("aria-label", `Close the message about ${name}`);
      element.append(h("p.fault", { role: "alert" }, message));
    },
  };
}

/** By XMLHttpRequest, because `fetch` does not tell how much has been sent. */
function uploadFile(file, line) {
  const form = new FormData();
  form.append("method", "direct");
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1.3/assets");
    for (const [name, value] of Object.entries(ownerHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => line.progress(event.loaded < event.total ? event.loaded / event.total : undefined);
    request.onload = () => {
      const told = parsed(request.responseText);
      if (request.status < 300) resolve(told);
      else reject(refusalOf(request.status, told));
    };
    request.onerror = () => {
      noteSilence();
      reject(new Silence());
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    line.signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

async function uploadUrl(url, line) {
  const form = new FormData();
  form.append("method", "url");
  form.append("url", url);
  const answer = await send("POST", "/v1.3/assets", { body: form, signal: line.signal });
  return answer.json();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
