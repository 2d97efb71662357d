// Draw a class of schools and fit it. The estimator is Python's: ``data.tables`` come from there.

import { around, bars, bundle, drawn, follow, layout, legend, line, note, panel, points } from "./svg.js";
import { block, equations, linear, marked, number, percent, printed, pText, symbol } from "./text.js";

const GAMMAS = ["gamma00", "gamma01", "gamma10", "gamma11"], KINDS = ["first", "second"];
const SIGNS = { gamma00: "γ₀₀", gamma01: "γ₀₁", gamma10: "γ₁₀", gamma11: "γ₁₁", tau00: "τ₀₀", tau11: "τ₁₁" };

/** Where 95% of (u0, u1) lie: the circle of radius 2.448 through a square root of T. */
function ellipse([[a, b], [, d]]) {
  const l = Math.sqrt(Math.max(a, 0)), m = l > 0 ? b / l : 0, r = Math.sqrt(Math.max(d - m * m, 0));
  const angles = Array.from({ length: 61 }, (_, k) => (k * Math.PI) / 30);
  return [angles.map((t) => 2.448 * l * Math.cos(t)), angles.map((t) => 2.448 * (m * Math.cos(t) + r * Math.sin(t)))];
}

function svg(data, state, tables, { width, font, id }) {
  const top = legend(width, font, [
    ...data.kinds.map((k, i) => ({ name: `${KINDS[i]} thick`, text: `${k}, estimated` })),
    { name: "ink dotted", text: "truth" },
  ]);
  const { boxes, height } = layout(width, font, [1.15, 1.2, 1], top.height);
  const x = data.x, { schools, fixed } = tables;
  const mean = (g, w) => x.map((v) => g.gamma00 + w * g.gamma01 + (g.gamma10 + w * g.gamma11) * v);
  const estimate = Object.fromEntries(GAMMAS.map((n) => [n, fixed[n].estimate]));
  const thick = [0, 1].flatMap((w) => [...mean(estimate, w), ...mean(state, w)]);
  const ylim = follow(data.axes.lines, ...around(thick, 0.05));
  const lines = panel(boxes[0], font, { title: data.titles[0], x: data.xLabel, xlim: x, ylim: ylim.lim, wider: ylim.wider });
  let inside = "";
  KINDS.forEach((name, w) => {
    const mine = schools.filter((s) => s[0] === w);
    inside += bundle(lines, x, mine.map((s) => s[1] + s[2] * x[0]), mine.map((s) => s[1] + s[2] * x[1]), `${name} thin`);
  });
  KINDS.forEach((name, w) => { inside += line(lines, x, mean(estimate, w), `${name} thick`) + line(lines, x, mean(state, w), "ink dotted"); });
  let out = top.svg + drawn(lines, `${id}a`, inside);

  const rows = GAMMAS.map((n, k) => ({ at: -k, off: fixed[n].estimate - state[n], low: fixed[n].lower - state[n], high: fixed[n].upper - state[n] }));
  const far = follow(data.axes.gaps, ...around(rows.flatMap((r) => [r.low, r.high])));
  const gaps = panel(boxes[1], font, { title: "Estimate minus truth, 95% interval", xlim: far.lim, wider: far.wider, ylim: [-3.6, 0.6], ynames: GAMMAS.map((n, k) => [-k, SIGNS[n]]) });
  const holds = (r) => r.low <= 0 && r.high >= 0, bar = (r) => /** @type {[number, number, number]} */ ([r.at, r.low, r.high]);
  out += drawn(gaps, `${id}b`, bars(gaps, [[0, -3.6, 0.6]], "axis") + bars(gaps, rows.filter(holds).map(bar), "first solid", true)
    + bars(gaps, rows.filter((r) => !holds(r)).map(bar), "second dashed", true) + points(gaps, rows.map((r) => r.off), rows.map((r) => r.at), 0.25 * font, "dot ink"));

  const [tx, ty] = ellipse(tables.t), [ex, ey] = ellipse(tables.tHat), us = schools.map((s) => s[3]), vs = schools.map((s) => s[4]);
  const xl = follow(data.axes.u0, ...around([...tx, ...ex])), yl = follow(data.axes.u1, ...around([...ty, ...ey]));
  const place = panel(boxes[2], font, { title: "T: true dashed", x: "u₀ⱼ", y: "u₁ⱼ", xlim: xl.lim, ylim: yl.lim, wider: xl.wider || yl.wider });
  out += drawn(place, `${id}c`, points(place, us, vs, 0.13 * font, "dot mute faint") + line(place, tx, ty, "mute dashed") + line(place, ex, ey, "first solid"));

  const strip = many(data, state, { x: 0, y: height + 0.5 * font, w: width, h: 17 * font }, font, tables.draws, id);
  return { svg: out + strip, height: height + 18 * font };
}

/** One interval of γ11 for each of many classes; those that miss the truth are crossed. */
function many(data, state, box, font, draws, id) {
  const g = state.gamma11, lim = follow(data.axes.strip, ...around([g, 0, ...draws.flatMap((d) => [d[1], d[2]])]));
  const strip = panel(box, font, { title: "γ₁₁ in many classes: estimate and 95% interval", xlim: [0, 201], ylim: lim.lim, wider: lim.wider });
  const rows = draws.map((d, k) => ({ at: k + 1, estimate: d[0], low: d[1], high: d[2], covers: d[1] <= g && g <= d[2] }));
  const bar = (r) => /** @type {[number, number, number]} */ ([r.at, r.low, r.high]), missed = rows.filter((r) => !r.covers);
  const hint = draws.length ? "" : note(strip, 100, (lim.lim[0] + lim.lim[1]) / 2, "“Draw 200 classes” fills this panel", "middle");
  return drawn(strip, `${id}d`, line(strip, [0, 201], [0, 0], "axis") + bars(strip, rows.filter((r) => r.covers).map(bar), "first hair")
    + bars(strip, missed.map(bar), "second hair") + points(strip, missed.map((r) => r.at), missed.map((r) => r.estimate), 0.3 * font, "dot second", 1)
    + line(strip, [0, 201], [g, g], "ink dotted"), hint);
}

function text(data, state, tables, moved) {
  const two = `${data.wSymbol}<sub><i>j</i></sub>`;
  const row = (p) => /** @type {[string, string]} */ ([symbol("β", `${p}<i>j</i>`), linear(
    [[state[`gamma${p}0`], "", moved === `gamma${p}0`], [state[`gamma${p}1`], two, moved === `gamma${p}1`]], [symbol("u", `${p}<i>j</i>`)])]);
  const value = (sign, v, name) => `${sign} = ${marked(number(v), moved === name)}`;
  const spread = [value(symbol("τ", "00"), state.tau00, "tau00"), value(symbol("τ", "11"), state.tau11, "tau11"),
    value(symbol("τ", "01"), tables.t[0][1], "corr"), value(symbol("σ"), state.sigma, "sigma")].join(", ");
  return block("The truth the class is drawn from", `${equations([row(0), row(1)])}<div class="mlm-equations mlm-line">${spread}</div>`)
    + block("What lmer prints for this class", printed(tables.output), "mlm-output");
}

function sentence(data, state, tables, moved) {
  const r = tables.fixed.gamma11, holds = r.lower <= state.gamma11 && state.gamma11 <= r.upper;
  const parts = [`${state.J} ${data.groups} of ${state.n} ${data.students}: γ₁₁ is estimated as ${number(r.estimate)} (95% interval ${number(r.lower)} to ${number(r.upper)}, ${pText(r.p)}); the interval ${holds ? "holds" : "misses"} the true ${number(state.gamma11)}.`];
  if (moved in tables.found) parts.push(`${SIGNS[moved] || { corr: "The correlation", sigma: "σ" }[moved]} is estimated as ${number(tables.found[moved] ?? NaN)}, the truth is ${number(state[moved])}.`);
  if (tables.singular) parts.push(tables.singular);
  if (tables.draws.length) {
    const { draws } = tables, share = (f) => percent(draws.filter(f).length / draws.length), g = state.gamma11;
    parts.push(`Of ${draws.length} such classes ${share((d) => d[3] < 0.05)} ${g === 0 ? "are false alarms" : "find the interaction (power)"}, ${share((d) => d[1] <= g && g <= d[2])} of the intervals hold the truth, ${share((d) => d[4])} of the fits are singular.`);
  }
  return parts.join(" ");
}

/** Many classes are drawn where the estimator is: null asks the kernel for them. */
function press(data, state, name) {
  const next = { new: { seed: state.seed + 1 }, zero: { gamma11: 0 }, reset: data.start }[name];
  return next ? { state: { ...state, ...next } } : null;
}

export const view = { compute: (data) => data.tables, press, svg, text, sentence, title: (data) => data.describe };
