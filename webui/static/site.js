// Everything here is comfort: without it the pages are plain forms and links.
"use strict";

const LONGEST_KEPT_SIDE = 640;
const KEPT_PHOTOS = 12;
const address = document.body.dataset.search;
const status = document.querySelector("[data-status]");
const alertBox = document.querySelector("[data-alert]");
const panel = document.querySelector("[data-drop]");
let searching = null;

// Giving a picture: chosen, taken, dropped or pasted, it goes the same way.

// Returns whether it leads to results. A photo that is at hand is kept as it is, with the box drawn in it.
async function search(file, photo = downscaled(file), box = null) {
  searching?.abort();
  searching = new AbortController();
  showBusy(file);
  try {
    const body = new FormData();
    body.append("image", file, file.name || "picture");
    if (box) body.append("box", box);
    const [answer, kept] = await Promise.all([
      fetch(address, { method: "POST", body, signal: searching.signal, headers: { Accept: "application/problem+json" } }),
      photo,
    ]);
    if (!answer.ok) throw new Error(await reasonIn(answer));
    if (kept) keepPhoto(new URL(answer.url).searchParams.get("view"), { photo: kept, box });
    location.assign(answer.url);
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    showIdle();
    tell(error instanceof TypeError
      ? "The server can’t be reached. Check the connection and try again."
      : error.message);
    return false;
  }
}

async function reasonIn(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? `The search failed (${answer.status}). Try again.`;
}

function showBusy(file) {
  document.body.setAttribute("aria-busy", "true");
  alertBox.hidden = true;
  status.textContent = "Searching…";
  if (!document.querySelector(".progress")) {
    document.body.append(Object.assign(document.createElement("div"), { className: "progress" }));
  }
  panel?.querySelector(".preview")?.remove();
  if (panel && file.type.startsWith("image/")) {
    const preview = Object.assign(new Image(), { className: "preview", alt: "", src: URL.createObjectURL(file) });
    preview.addEventListener("error", () => preview.remove());
    panel.append(preview);
  }
}

function showIdle() {
  document.body.removeAttribute("aria-busy");
  document.querySelector(".progress")?.remove();
  const preview = panel?.querySelector(".preview");
  if (preview) URL.revokeObjectURL(preview.src);
  preview?.remove();
  status.textContent = "";
  for (const input of document.querySelectorAll("input[type=file]")) input.value = "";
}

function tell(message) {
  alertBox.textContent = message;
  alertBox.hidden = false;
  alertBox.scrollIntoView({ block: "nearest" });
}

// The photo itself stays in this tab: a small, upright copy, kept under the view made of it.

async function downscaled(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_KEPT_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas.width <= 64 ? canvas.toDataURL("image/png") : canvas.toDataURL("image/jpeg", 0.85);
  } catch {
    return null; // a format that the server reads and this browser does not: the view alone is shown
  }
}

function keepPhoto(view, kept) {
  try {
    const keys = JSON.parse(sessionStorage.getItem("photos") ?? "[]").filter((key) => key !== view);
    while (keys.length >= KEPT_PHOTOS) sessionStorage.removeItem(`photo:${keys.shift()}`);
    sessionStorage.setItem(`photo:${view}`, JSON.stringify(kept));
    sessionStorage.setItem("photos", JSON.stringify([...keys, view]));
  } catch {
    // storage is full or forbidden: the page works without the photo
  }
}

function keptPhoto(view) {
  try {
    return JSON.parse(sessionStorage.getItem(`photo:${view}`));
  } catch {
    return null;
  }
}

// Drop and paste work on every page.

let veil = null;
let lifting = 0;

function showVeil() {
  clearTimeout(lifting);
  lifting = setTimeout(liftVeil, 600); // a drag that goes on says so at least every 350 ms; one that left may not say
  if (veil) return;
  veil = Object.assign(document.createElement("div"), { className: "veil", textContent: "Drop it to search" });
  veil.append(Object.assign(document.createElement("div"), { className: "corners" }));
  document.body.append(veil);
}

function liftVeil() {
  clearTimeout(lifting);
  veil?.remove();
  veil = null;
}

const holdsFiles = (transfer) => transfer?.types.includes("Files");

addEventListener("dragover", (event) => {
  if (!holdsFiles(event.dataTransfer)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  showVeil();
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) liftVeil(); });
addEventListener("drop", (event) => {
  if (!holdsFiles(event.dataTransfer)) return;
  event.preventDefault();
  liftVeil();
  const [file] = event.dataTransfer.files;
  if (file) search(file);
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (!file) return;
  event.preventDefault();
  search(file);
});

// Forms and links.

for (const input of document.querySelectorAll("[data-picture] input[type=file]")) {
  input.addEventListener("change", () => { if (input.files[0]) search(input.files[0]); });
}

for (const link of document.querySelectorAll("[data-choose]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const input = Object.assign(document.createElement("input"), { type: "file", accept: link.dataset.choose });
    input.addEventListener("change", () => { if (input.files[0]) search(input.files[0]); });
    input.click();
  });
}

document.querySelector(".shelf [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// The picture that is followed grows into the page it leads to.
for (const card of document.querySelectorAll(".card")) {
  card.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    document.querySelector(".subject")?.classList.remove("subject");
    card.querySelector("img")?.classList.add("leaving");
  });
}

addEventListener("pageshow", () => {
  showIdle();
  liftVeil();
  for (const image of document.querySelectorAll(".leaving")) image.classList.remove("leaving");
});
