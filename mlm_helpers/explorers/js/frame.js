// The frame around every explorer: controls, picture, sentence, text, and the state they share.

import { changed, made, pressed } from "./scene.js";
import { VIEWS } from "./views.js";
import { escaped } from "./text.js";

let count = 0;

/** @typedef {{get: (name: string) => any, set: (name: string, value: any) => void, save_changes: () => void, send: (message: any) => void, widget_manager?: any,
 *   on: (event: string, call: () => void) => void, off: (event: string, call: () => void) => void}} Model */

/** The elements of the controls, by name. @type {(data: any) => string} */
function controlsHtml(data) {
  const rows = data.controls.map((c) => {
    const id = `mlm${count}-${c.name}`, name = `<label for="${id}">${escaped(c.label)}</label>`;
    if (c.options) {
      const options = c.options.map(([value, text]) => `<option value="${escaped(value)}">${escaped(text)}</option>`).join("");
      return `<div class="mlm-row" data-row="${c.name}">${name}<select id="${id}" data-name="${c.name}">${options}</select></div>`;
    }
    return `<div class="mlm-row" data-row="${c.name}">${name}<input type="range" id="${id}" data-name="${c.name}" min="${c.low}" max="${c.high}" step="${c.step}"><output for="${id}"></output></div>`;
  });
  const buttons = data.actions.map((a) => `<button type="button" data-action="${a.name}">${escaped(a.label)}</button>`);
  return `${rows.join("")}<div class="mlm-buttons">${buttons.join("")}</div>`;
}

/** Show an explorer in ``el``; returns what takes it away again. @type {(model: Model, el: HTMLElement) => () => void} */
function frame(model, el) {
  const view = VIEWS[model.get("kind")], base = model.get("data"), id = `mlm${++count}`;
  let state = model.get("state"), moved = null, said = "", drawing = 0, sending = 0, room = { width: 0, font: 0, id };
  const data = () => ({ ...base, tables: model.get("tables") });
  el.classList.add("mlm-explorer");
  // JupyterLab leaves keys alone where it finds the attribute; reveal.js leaves swipes alone
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.setAttribute("data-prevent-swipe", "");
  el.innerHTML = `<div class="mlm-title" role="heading" aria-level="4">${escaped(base.title)}</div>
    <div class="mlm-top"><div class="mlm-controls" role="group" aria-label="${escaped(base.title)}: controls">${controlsHtml(base)}</div>
    <div class="mlm-picture"><svg class="mlm-svg" role="img" aria-labelledby="${id}t ${id}d"></svg><div class="mlm-sentence" role="status" aria-live="polite"></div></div></div>
    <div class="mlm-text"></div>`;
  const find = (selector) => /** @type {any} */ (el.querySelector(selector));
  const [picture, status, words] = [find("svg"), find(".mlm-sentence"), find(".mlm-text")];

  function place() {
    for (const c of base.controls) {
      const input = find(`[data-name="${c.name}"]`), row = input.parentElement;
      row.hidden = view.shown ? !view.shown(base, state, c.name) : false;
      if (document.activeElement !== input || Number(input.value) !== state[c.name]) input.value = state[c.name];
      if (c.options) continue;
      const text = state[c.name].toFixed(c.decimals).replace("-", "−") + c.suffix;
      row.querySelector("output").textContent = text;
      input.setAttribute("aria-valuetext", text);
    }
    for (const a of base.actions) find(`[data-action="${a.name}"]`).textContent = view.caption ? view.caption(base, state, a) : a.label;
  }

  function draw() {
    drawing = 0;
    const width = picture.parentElement.clientWidth;
    if (!width) return;
    room = { width, font: parseFloat(getComputedStyle(picture).fontSize), id };
    const now = made(view, data(), state, moved, room);
    picture.setAttribute("viewBox", `0 0 ${width} ${Math.ceil(now.height)}`);
    picture.setAttribute("height", Math.ceil(now.height));
    picture.innerHTML = `<title id="${id}t">${escaped(base.title)}</title><desc id="${id}d">${escaped(`${now.desc} ${now.sentence}`)}</desc>${now.svg}`;
    words.innerHTML = now.text;
    status.textContent = said || now.sentence;
    el.dataset.drawn = String(Number(el.dataset.drawn || 0) + 1);
  }

  // the kernel hears of moves a few times a second at most, and need not be there at all
  function send() {
    sending = 0;
    model.set("state", state);
    const kernel = model.widget_manager && model.widget_manager.kernel;
    if (kernel !== null && !(kernel && (kernel.isDisposed || kernel.status === "dead"))) model.save_changes();
  }

  function go(next, name, say = "") {
    [state, moved, said] = [next, name, say];
    place();
    // where the kernel computes, its tables call for the picture
    if (!drawing && base.alone) drawing = requestAnimationFrame(draw);
    if (!sending) sending = window.setTimeout(send, base.alone ? 120 : 20);
  }

  function input(event) {
    const name = event.target.dataset.name, control = base.controls.find((c) => c.name === name);
    const value = control.options ? event.target.value : Number(event.target.value);
    if (value !== state[name]) go(changed(view, base, state, name, value), name);
  }

  function press(event) {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    const name = button.dataset.action, done = pressed(view, base, state, name);
    if (done) go(done.state, null, done.say);
    else model.send({ press: name });
  }

  function told() {
    const next = model.get("state"), other = Object.keys(next).filter((n) => JSON.stringify(next[n]) !== JSON.stringify(state[n]));
    if (!other.length || sending) return;
    [state, moved, said] = [next, other.length === 1 ? other[0] : null, model.get("said")];
    place();
    if (base.alone) draw();
  }

  el.addEventListener("input", input);
  el.addEventListener("click", press);
  for (const kind of ["keydown", "keyup", "keypress"]) el.addEventListener(kind, (event) => event.stopPropagation());
  model.on("change:state", told);
  model.on("change:tables", draw);
  const seen = new ResizeObserver(() => { if (picture.parentElement.clientWidth !== room.width) draw(); });
  seen.observe(picture.parentElement);
  place();
  draw();
  return () => {
    seen.disconnect();
    model.off("change:state", told);
    model.off("change:tables", draw);
    // ipywidgets keeps the element of every view that a cell has ever shown: leave nothing in it
    for (const part of [picture, status, words, el]) part.replaceChildren();
    for (const part of [picture, status, words]) part.remove();
  };
}

/** For anywidget. */
export const render = ({ model, el }) => frame(model, el);

/** For a page without a kernel: an explorer from its plain data. @type {(el: HTMLElement, values: any) => void} */
export function mount(el, values) {
  const nothing = () => {};
  frame({ get: (name) => values[name], set: (name, value) => { values[name] = value; }, save_changes: nothing, send: nothing, on: nothing, off: nothing }, el);
}
