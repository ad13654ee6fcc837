// The photo on the results page: what of it was searched with, and a box drawn to search with another part.
"use strict";

const LEAST_SIDE = 0.02; // of the photo's width and height, as the server has it
const FIRST_BOX = [0.2, 0.2, 0.6, 0.6];
const KEY_STEP = 0.02;
const CLICK = 8; // CSS pixels that a click may slip
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FOR_POINTERS = ["Draw a box around what you mean.", "Cancel"];
const FOR_KEYS = ["Arrow keys move the box, with Shift they size it. Enter searches.", "Cancel"];

const figure = document.querySelector("[data-photo]");
const pair = figure.closest(".pair");
const byHand = document.querySelector("[data-by-hand]");
const [sentence, button] = byHand.children;
const INVITATION = [sentence.textContent, button.textContent];
const frame = named("div", "frame");
const boxElement = named("div", "box");
const garments = document.querySelectorAll("[data-garment]");
let shown = null; // what is kept: the photo, its haze, and the box that was searched with
let box = null; // left, top, width and height as shares of the photo
let drag = null;

function named(kind, className) {
  return Object.assign(document.createElement(kind), { className });
}

function showPhoto() {
  const view = new URL(location.href).searchParams.get("view");
  shown ??= keptPhoto(view);
  if (!shown?.photo?.startsWith("data:image/")) return;
  if (!frame.isConnected) {
    shown.haze = figure.dataset.haze ?? shown.haze; // the server knows those of the last upload
    shown.box ??= figure.dataset.box ?? null;
    keepPhoto(view, shown);
    frame.append(...pictures(), boxElement);
    figure.querySelector(".tile").append(frame);
    figure.hidden = byHand.hidden = false;
    frame.hidden = true; // until its form is known
    for (const garment of garments) garment.disabled = false;
  }
  leave();
}

function pictures() {
  const photo = Object.assign(new Image(), { className: "photo", alt: "Your picture", src: shown.photo });
  photo.addEventListener("load", () => {
    const { naturalWidth: width, naturalHeight: height } = photo;
    photo.classList.toggle("pixels", width <= 64);
    frame.style.width = `${100 * Math.min(1, width / height)}%`; // of a square tile
    frame.style.height = `${100 * Math.min(1, height / width)}%`;
    frame.hidden = false;
  });
  return shown.haze ? [photo, Object.assign(new Image(), { className: "haze", alt: "", src: shown.haze })] : [photo];
}

function draw(drawn, unfinished) {
  box = drawn;
  frame.classList.toggle("drawing", unfinished);
  boxElement.hidden = !box;
  if (!box) return;
  ["left", "top", "width", "height"].forEach((name, place) => { boxElement.style[name] = `${100 * box[place]}%`; });
}

async function searchIn(drawn) {
  draw(drawn, true);
  if (!await search(fileOf(shown.photo), shown.photo, drawn.map((share) => share.toFixed(4)).join())) leave();
}

function fileOf(address) {
  const [head, data] = address.split(",");
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new File([bytes], "picture", { type: head.slice("data:".length, head.indexOf(";")) });
}

// The mouse draws at once; finger and pen scroll until a tap has enlarged the photo.

const isChoosing = () => pair.classList.contains("choosing");
const searchIsOn = () => document.body.hasAttribute("aria-busy");

function say([words, action]) {
  sentence.textContent = words;
  button.textContent = action;
}

function choose(event) {
  const withKeys = event.type === "click" && event.detail === 0;
  pair.classList.add("choosing");
  say(withKeys ? FOR_KEYS : FOR_POINTERS);
  if (!withKeys) return;
  draw(box ?? FIRST_BOX, true);
  boxElement.tabIndex = 0;
  boxElement.focus();
}

function leave() {
  const hadFocus = document.activeElement === boxElement;
  drag = null;
  if (isChoosing()) say(INVITATION);
  pair.classList.remove("choosing");
  boxElement.removeAttribute("tabindex");
  draw(shown.box?.split(",").map(Number) ?? null, false);
  if (hadFocus) button.focus();
}

function place(event) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  const shares = [(event.clientX - left) / width, (event.clientY - top) / height];
  return shares.map((share) => Math.round(1e4 * within(0, share, 1)) / 1e4); // so that no box rounds to beyond the edge
}

function between([x, y], [otherX, otherY]) {
  return [Math.min(x, otherX), Math.min(y, otherY), Math.abs(x - otherX), Math.abs(y - otherY)];
}

const within = (least, value, most) => Math.min(Math.max(least, value), most);
const slipped = (event) => Math.hypot(event.clientX - drag.x, event.clientY - drag.y);

frame.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button || searchIsOn()) return;
  const draws = isChoosing() || event.pointerType === "mouse";
  drag = { from: place(event), x: event.clientX, y: event.clientY, draws };
  if (!draws) return;
  event.preventDefault();
  frame.setPointerCapture(event.pointerId);
});
frame.addEventListener("pointermove", (event) => {
  if (drag?.draws && slipped(event) >= CLICK) draw(between(drag.from, place(event)), true);
});
frame.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { from, draws } = drag;
  const isClick = slipped(event) < CLICK;
  const drawn = between(from, place(event));
  drag = null;
  if (isClick) choose(event);
  else if (draws && Math.min(...drawn.slice(2)) >= LEAST_SIDE) searchIn(drawn);
  else leave();
});
frame.addEventListener("pointercancel", leave);
button.addEventListener("click", (event) => { isChoosing() ? leave() : choose(event); });

// One of several garments is chosen by its name, and shown while that is pointed at.

for (const garment of garments) {
  const its = garment.dataset.garment.split(",").map(Number);
  const isIdle = () => !isChoosing() && !searchIsOn();
  garment.onclick = () => { if (garment.ariaPressed === "false" && !searchIsOn()) searchIn(its); };
  garment.onpointerenter = garment.onfocus = () => { if (isIdle()) draw(its, false); };
  garment.onpointerleave = garment.onblur = () => { if (isIdle()) leave(); };
}

boxElement.setAttribute("role", "application");
boxElement.setAttribute("aria-label", "Box around the garment");
boxElement.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !searchIsOn()) searchIn(box);
  if (!(event.key in ARROWS)) return;
  event.preventDefault();
  const [across, down] = ARROWS[event.key].map((step) => step * KEY_STEP);
  const [x, y, width, height] = box;
  draw(event.shiftKey
    ? [x, y, within(LEAST_SIDE, width + across, 1 - x), within(LEAST_SIDE, height + down, 1 - y)]
    : [within(0, x + across, 1 - width), within(0, y + down, 1 - height), width, height], true);
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && (drag || isChoosing())) leave();
});
showPhoto(); // before the first paint
addEventListener("pageshow", showPhoto);
