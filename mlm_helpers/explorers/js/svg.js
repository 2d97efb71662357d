// Pictures as text: panels with axes that follow, lines, points, bands and labels.
//
// Everything is measured in CSS pixels of a picture as wide as its place on the page, so that print
// is as large on a phone as on a screen. Colours are classes (see explorer.css), and never alone:
// the first kind of group is solid with circles, the second dashed with triangles.

import { escaped, number } from "./text.js";

/** @typedef {[number, number]} Range */
/** @typedef {{x: number, y: number, w: number, h: number}} Box */
/** @typedef {{box: Box, font: number, sx: (v: number) => number, sy: (v: number) => number, xlim: Range, ylim: Range, frame: string}} Panel */

const r1 = (/** @type {number} */ v) => (Math.round(v * 10) / 10).toString();

/** Limits that hold what moves. They are those of the start as long as that fits, and otherwise
 * grow by half of the start's span, by one, two, four ... times, so that they rest while a slider moves.
 * @type {(base: Range, low: number, high: number) => {lim: Range, wider: boolean}} */
export function follow(base, low, high) {
  const span = base[1] - base[0];
  const grown = (/** @type {number} */ over) => {
    if (!(over > 1e-9 * span)) return 0;
    let step = span / 2;
    while (step < over) step *= 2;
    return step;
  };
  const below = grown(base[0] - low), above = grown(high - base[1]);
  return { lim: [base[0] - below, base[1] + above], wider: below + above > 0 };
}

/** The smallest range around numbers. @type {(values: number[], pad?: number) => Range} */
export function around(values, pad = 0) {
  const low = Math.min(...values), high = Math.max(...values);
  return [low - pad * (high - low), high + pad * (high - low)];
}

/** Where the panels stand: side by side where there is room, else one below the other.
 * @type {(width: number, font: number, weights: number[], top: number) => {boxes: Box[], height: number}} */
export function layout(width, font, weights, top) {
  const gap = 1.1 * font, beside = width >= 42 * font;
  const total = weights.reduce((a, b) => a + b, 0);
  const h = (beside ? 23 : 19) * font;
  let x = 0;
  const boxes = weights.map((weight, i) => {
    if (!beside) return { x: 0, y: top + i * (h + gap), w: width, h };
    const w = ((width - gap * (weights.length - 1)) * weight) / total;
    const box = { x, y: top, w, h };
    x += w + gap;
    return box;
  });
  return { boxes, height: top + (beside ? h : weights.length * (h + gap)) };
}

/** Round numbers inside a range, about ``count`` of them, with their labels.
 * @type {(range: Range, count: number) => [number, string][]} */
function ticks([low, high], count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = [1, 2, 2.5, 5, 10].find((m) => m * power >= rough * (1 - 1e-9)) || 10, step = times * power;
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (times === 2.5 ? 1 : 0));
  const out = /** @type {[number, string][]} */ ([]);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push([k * step, number(k * step, decimals)]);
  return out;
}

/** @typedef {{title?: string, x?: string, y?: string, xlim: Range, ylim: Range, wider?: boolean,
 *   xnames?: [number, string][], ynames?: [number, string][]}} Axes */

/** A panel with its axes. @type {(box: Box, font: number, axes: Axes) => Panel} */
export function panel(box, font, { title = "", x = "", y = "", xlim, ylim, wider, xnames, ynames }) {
  const yTicks = ynames || ticks(ylim, box.h / (3.4 * font));
  const room = Math.max(...yTicks.map(([, t]) => String(t).length), 2) * 0.56 * font;
  const left = box.x + room + (y ? 2.4 : 0.9) * font, right = box.x + box.w - font;
  const top = box.y + 1.9 * font, bottom = box.y + box.h - (x ? 3.2 : 1.8) * font;
  const sx = (/** @type {number} */ v) => left + ((v - xlim[0]) / (xlim[1] - xlim[0])) * (right - left);
  const sy = (/** @type {number} */ v) => bottom - ((v - ylim[0]) / (ylim[1] - ylim[0])) * (bottom - top);
  const xTicks = xnames || ticks(xlim, (right - left) / (4.5 * font));
  const parts = [];
  for (const [v, t] of /** @type {[number, string][]} */ (xTicks)) {
    if (!xnames) parts.push(`<path class="grid" d="M${r1(sx(v))} ${r1(top)}V${r1(bottom)}"/>`);
    parts.push(`<text x="${r1(sx(v))}" y="${r1(bottom + 1.25 * font)}" text-anchor="middle">${escaped(t)}</text>`);
  }
  for (const [v, t] of /** @type {[number, string][]} */ (yTicks)) {
    parts.push(`<path class="grid" d="M${r1(left)} ${r1(sy(v))}H${r1(right)}"/>`);
    parts.push(`<text x="${r1(left - 0.45 * font)}" y="${r1(sy(v) + 0.35 * font)}" text-anchor="end">${escaped(t)}</text>`);
  }
  parts.push(`<path class="axis" d="M${r1(left)} ${r1(top)}V${r1(bottom)}H${r1(right)}"/>`);
  const head = title + (wider ? " (wider axis)" : "");
  parts.push(`<text class="head" x="${r1(box.x + 0.2 * font)}" y="${r1(box.y + font)}"${fitted(head, box.w, font)}>${escaped(head)}</text>`);
  if (x) parts.push(`<text x="${r1((left + right) / 2)}" y="${r1(bottom + 2.7 * font)}" text-anchor="middle"${fitted(x, right - left + room, font)}>${escaped(x)}</text>`);
  if (y) {
    const at = `${r1(box.x + font)} ${r1((top + bottom) / 2)}`;
    parts.push(`<text transform="translate(${at}) rotate(-90)" text-anchor="middle"${fitted(y, bottom - top, font)}>${escaped(y)}</text>`);
  }
  return { box: { x: left, y: top, w: right - left, h: bottom - top }, font, sx, sy, xlim, ylim, frame: parts.join("") };
}

/** Print that would stick out is set narrower. @type {(text: string, width: number, font: number) => string} */
const fitted = (text, width, font) =>
  text.length * 0.56 * font > width ? ` textLength="${r1(width)}" lengthAdjust="spacingAndGlyphs"` : "";

/** What is drawn in a panel, cut at its frame. @type {(p: Panel, id: string, inside: string, over?: string) => string} */
export function drawn(p, id, inside, over = "") {
  const { x, y, w, h } = p.box;
  const frame = `<clipPath id="${id}"><rect x="${r1(x - 3)}" y="${r1(y - 3)}" width="${r1(w + 6)}" height="${r1(h + 6)}"/></clipPath>`;
  return `${frame}<g>${p.frame}</g><g clip-path="url(#${id})">${inside}</g><g>${over}</g>`;
}

/** A line through points. @type {(p: Panel, xs: number[], ys: number[], name: string) => string} */
export const line = (p, xs, ys, name) =>
  `<path class="${name}" d="${xs.map((x, i) => `${i ? "L" : "M"}${r1(p.sx(x))} ${r1(p.sy(ys[i]))}`).join("")}"/>`;

/** Many straight lines between two places, as one path.
 * @type {(p: Panel, ends: Range, starts: number[], stops: number[], name: string) => string} */
export const bundle = (p, [a, b], starts, stops, name) =>
  `<path class="${name}" d="${starts.map((s, i) => `M${r1(p.sx(a))} ${r1(p.sy(s))}L${r1(p.sx(b))} ${r1(p.sy(stops[i]))}`).join("")}"/>`;

/** Separate bars from low to high. @type {(p: Panel, bars: [number, number, number][], name: string, flat?: boolean) => string} */
export const bars = (p, found, name, flat = false) =>
  `<path class="${name}" d="${found.map(([at, low, high]) => flat
    ? `M${r1(p.sx(low))} ${r1(p.sy(at))}H${r1(p.sx(high))}`
    : `M${r1(p.sx(at))} ${r1(p.sy(low))}V${r1(p.sy(high))}`).join("")}"/>`;

/** Points: circles for the first kind, triangles for the second.
 * @type {(p: Panel, xs: number[], ys: number[], size: number, name: string, kind?: number) => string} */
export function points(p, xs, ys, size, name, kind = 0) {
  const s = r1(size), d = r1(2 * size);
  const one = kind
    ? (/** @type {number} */ x, /** @type {number} */ y) => `M${r1(x)} ${r1(y - size * 1.2)}l${s} ${d}h-${d}z`
    : (/** @type {number} */ x, /** @type {number} */ y) => `M${r1(x - size)} ${r1(y)}a${s} ${s} 0 1 0 ${d} 0a${s} ${s} 0 1 0 -${d} 0`;
  return `<path class="${name}" d="${xs.map((x, i) => one(p.sx(x), p.sy(ys[i]))).join("")}"/>`;
}

/** The area between two curves. @type {(p: Panel, xs: number[], low: number[], high: number[], name: string) => string} */
export function band(p, xs, low, high, name) {
  const there = xs.map((x, i) => `${i ? "L" : "M"}${r1(p.sx(x))} ${r1(p.sy(low[i]))}`);
  const back = xs.map((x, i) => `L${r1(p.sx(x))} ${r1(p.sy(high[i]))}`).reverse();
  return `<path class="${name}" d="${there.join("")}${back.join("")}Z"/>`;
}

/** A word at a place, kept inside the panel. @type {(p: Panel, x: number, y: number, text: string, anchor?: string) => string} */
export function note(p, x, y, text, anchor = "start") {
  const f = p.font, px = Math.min(Math.max(p.sx(x), p.box.x), p.box.x + p.box.w);
  const py = Math.min(Math.max(p.sy(y), p.box.y + f), p.box.y + p.box.h - 0.3 * f);
  const lead = anchor === "start" ? 0.6 * f : anchor === "end" ? -0.6 * f : 0;
  return `<text class="note" x="${r1(px + lead)}" y="${r1(py + 0.35 * f)}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

/** Lines of words in a corner of a panel. @type {(p: Panel, lines: string[]) => string} */
export const corner = (p, lines) =>
  lines.map((t, i) => `<text class="note" x="${r1(p.box.x + p.box.w - 2)}" y="${r1(p.box.y + (1.1 + 1.3 * i) * p.font)}" text-anchor="end">${escaped(t)}</text>`).join("");

/** @typedef {{name: string, text: string, kind?: number, shape?: string}} Entry */

/** The legend above the panels, in as many rows as it needs.
 * @type {(width: number, font: number, entries: Entry[]) => {svg: string, height: number}} */
export function legend(width, font, entries) {
  let x = 0, y = 0.9 * font;
  const parts = entries.map(({ name, text, shape = "line", kind = 0 }) => {
    const wide = (text.length * 0.54 + 4.2) * font;
    if (x > 0 && x + wide > width) [x, y] = [0, y + 1.5 * font];
    const middle = r1(x + 1.4 * font), h = r1(y - 0.3 * font);
    const key = shape === "area"
      ? `<rect class="${name}" x="${r1(x)}" y="${r1(y - 0.8 * font)}" width="${r1(2.8 * font)}" height="${r1(font)}"/>`
      : `<path class="${name}" d="M${r1(x)} ${h}h${r1(2.8 * font)}"/>` + (shape === "both"
        ? (kind ? `<path class="dot ${name}" d="M${middle} ${r1(y - 0.9 * font)}l5 10h-10z"/>` : `<circle class="dot ${name}" cx="${middle}" cy="${h}" r="5"/>`) : "");
    const out = `${key}<text x="${r1(x + 3.3 * font)}" y="${r1(y)}">${escaped(text)}</text>`;
    x += wide;
    return out;
  });
  return { svg: parts.join(""), height: y + 0.8 * font };
}
