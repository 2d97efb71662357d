// Pull a cross-level interaction apart: schools' lines, their means and their slopes.

import { covariance, inverse, semiCholesky, times, transposed } from "./numbers.js";
import { around, bars, bundle, corner, drawn, follow, layout, legend, line, panel, points } from "./svg.js";
import { block, columns, equations, escaped, linear, number, printed, rFormat, symbol } from "./text.js";

const LEVEL2 = ["gamma00", "gamma01", "gamma02", "gamma10", "gamma11", "gamma12"];
const T_NAMES = ["tau00", "tau11", "corr"];
const KINDS = ["first", "second"];

/** Expected β_0j and β_1j at w and m. */
function means(state, w, m) {
  const g = (n) => (state.mode === "sector" && n.endsWith("2") ? 0 : state[n] || 0);
  return [0, 1].map((p) => g(`gamma${p}0`) + g(`gamma${p}1`) * w + g(`gamma${p}2`) * m);
}

/** Standard errors of the γ̂'s for the data of a fit if its T were this one:
 * √diag σ²(X'V⁻¹X)⁻¹ with X'V⁻¹X = X'X - Σ (Z'X)' D (I + Z'Z D)⁻¹ (Z'X), D = T/σ². */
function stdErrors({ sigma2, toZ, toX, xx, schools }, t) {
  const d = times(times(toZ, t.map((row) => row.map((v) => v / sigma2))), transposed(toZ));
  const s = xx.map((row) => [...row]);
  for (const { zz, zx } of schools) {
    const k = times(zz, d);
    const shrunk = times(d, inverse([[1 + k[0][0], k[0][1]], [k[1][0], 1 + k[1][1]]]));
    const part = times(times(transposed(zx), shrunk), zx);
    for (let i = 0; i < s.length; i++) for (let j = 0; j < s.length; j++) s[i][j] -= part[i][j];
  }
  const back = inverse(toX), v = times(times(back, inverse(s)), transposed(back));
  return v.map((row, i) => Math.sqrt(row[i] * sigma2));
}

function compute(data, state) {
  const truth = { ...state, ...(state.truth || {}) };
  const t = covariance(truth.tau00, truth.tau11, truth.corr), root = semiCholesky(t);
  const schools = data.cloud.map(({ w, m, z }) => {
    const [b0, b1] = means(truth, w, m);
    return { w, m, b0: b0 + root[0][0] * z[0], b1: b1 + root[1][0] * z[0] + root[1][1] * z[1] };
  });
  const averages = data.kinds.map((_, w) => means(state, w, state.level2 || 0));
  const reference = data.references[state.mode];
  const se = stdErrors(reference, reference.flip ? [[t[1][1], t[0][1]], [t[0][1], t[0][0]]] : t);
  const parameters = reference.rows
    .map((name, i) => ({ name, label: reference.labels[i], estimate: state[name], std_error: se[i], t: state[name] / se[i] }))
    .filter((row) => row.name);
  return { schools, averages, parameters, t };
}

const inMode = (state, name) => state.mode === "both" || !name.endsWith("2");
const has = (data, name) => data.controls.some((c) => c.name === name);

function svg(data, state, tables, { width, font, id }) {
  const both = state.mode === "both", x = data.x, schools = tables.schools;
  const top = legend(width, font, data.kinds.map((k, i) => ({ name: `${KINDS[i]} thick`, text: `${k} average`, shape: "both", kind: i })));
  const { boxes, height } = layout(width, font, [1.45, 1, 1], top.height);
  const reach = data.axes[state.mode];
  // thin lines may leave the frame, thick ones stay inside
  const thick = tables.averages.flatMap(([a, b]) => [a + b * x[0], a + b * x[1]]);
  const ylim = follow(reach.lines, ...around(thick, 0.05));
  const lines = panel(boxes[0], font, { title: data.titles[0], x: data.xLabel, y: data.yLabel, xlim: x, ylim: ylim.lim, wider: ylim.wider });
  let inside = "";
  data.kinds.forEach((_, w) => {
    const mine = schools.filter((s) => s.w === w);
    inside += bundle(lines, x, mine.map((s) => s.b0 + s.b1 * x[0]), mine.map((s) => s.b0 + s.b1 * x[1]), `${KINDS[w]} thin`);
  });
  tables.averages.forEach(([a, b], w) => {
    const ys = x.map((v) => a + b * v);
    inside += line(lines, x, ys, "halo") + line(lines, x, ys, `${KINDS[w]} thick`);
  });
  let out = top.svg + drawn(lines, `${id}a`, inside);
  [0, 1].forEach((p) => {
    const values = schools.map((s) => (p ? s.b1 : s.b0)), averages = tables.averages.map((a) => a[p]);
    const wide = /** @type {[number, number]} */ ([-data.mReach, data.mReach]);
    const onLine = both ? data.kinds.flatMap((_, w) => wide.map((m) => means(state, w, m)[p])) : averages;
    const lim = follow(reach[p ? "b1" : "b0"], ...around([...values, ...averages, ...onLine], 0.04));
    const place = panel(boxes[1 + p], font, {
      title: data.titles[1 + p], x: both ? data.mLabel : data.wLabel, wider: lim.wider, ylim: lim.lim,
      xlim: both ? wide : [-0.5, data.kinds.length - 0.5], xnames: both ? undefined : data.kinds.map((k, i) => [i, k]),
    });
    const sd = Math.sqrt(tables.t[p][p]), at = (w) => (both ? state.level2 : w);
    let body = "";
    data.kinds.forEach((_, w) => {
      const rows = schools.map((s, i) => ({ ...s, i })).filter((s) => s.w === w);
      const xs = rows.map((s) => (both ? s.m : w + data.cloud[s.i].jitter));
      body += points(place, xs, rows.map((s) => (p ? s.b1 : s.b0)), font * 0.2, `dot faint ${KINDS[w]}`, w);
      if (both) body += line(place, wide, wide.map((m) => means(state, w, m)[p]), `${KINDS[w]} thick`);
      else if (!state.truth) body += bars(place, [[w, averages[w] - sd, averages[w] + sd]], `${KINDS[w]} broad`);
    });
    if (averages.length === 2) body += line(place, [at(0), at(1)], averages, "link");
    averages.forEach((a, w) => { body += points(place, [at(w)], [a], font * 0.42, `dot big ${KINDS[w]}`, w); });
    const names = [`gamma${p}1`, `gamma${p}2`].filter((n) => has(data, n) && inMode(state, n));
    out += drawn(place, `${id}${p ? "c" : "b"}`, body, corner(place, names.map((n) => `${data.names[n]} = ${number(state[n])}`)));
  });
  return { svg: out, height };
}

function equationsOf(data, state, tables, moved) {
  const sub = (s, below) => `${s}<sub><i>${below}</i></sub>`;
  const parts = { 0: "", 1: sub(data.symbols.w, "j"), 2: sub(data.symbols.m, "j") }, x = sub(data.symbols.x, "ij");
  const names = LEVEL2.filter((n) => has(data, n) && inMode(state, n));
  /** @type {(p: string, by?: string) => import("./text.js").Term[]} */
  const terms = (p, by = "") => names.filter((n) => n[5] === p)
    .map((n) => [state[n], [parts[n[6]], by].filter(Boolean).join("&thinsp;×&thinsp;"), n === moved]);
  const u0 = symbol("u", "0<i>j</i>"), u1 = symbol("u", "1<i>j</i>"), here = moved === "level2";
  return equations([
    [symbol("β", "0<i>j</i>"), linear(terms("0"), [u0])],
    [symbol("β", "1<i>j</i>"), linear(terms("1"), [u1])],
    [symbol("Y", "<i>ij</i>"), linear([...terms("0"), ...terms("1", x)], [u0, `${u1}&thinsp;${x}`, symbol("r", "<i>ij</i>")])],
    ...tables.averages.map(([a, b], w) => [escaped(data.kinds[w]), linear([[a, "", here], [b, data.symbols.x, here]])]),
  ]);
}

function output(data, state, tables) {
  const { group, sigma2 } = data.references[state.mode], values = [state.tau00, state.tau11, sigma2];
  const variances = rFormat(values, 4), sds = rFormat(values.map(Math.sqrt), 4);
  const random = columns(["Groups", "Name", "Variance", "Std.Dev.", "Corr"], [
    [group, "(Intercept)", variances[0], sds[0], ""],
    ["", data.level1, variances[1], sds[1], state.corr.toFixed(2)],
    ["Residual", "", variances[2], sds[2], ""],
  ], 2);
  const fixed = columns(["", "Estimate", "Std. Error", "t value"],
    tables.parameters.map((r) => [r.label, r.estimate.toFixed(4), r.std_error.toFixed(4), r.t.toFixed(3)]));
  return printed(`${random}\n\n${fixed}`);
}

function detail(data, state, tables, moved) {
  const { groups, many, group, xLabel, mLabel } = data, cap = groups[0].toUpperCase() + groups.slice(1);
  if (moved === "corr") {
    if (state.corr === 0) return `${cap} with high and low means have the same slopes on average.`;
    return `${cap} above their kind's mean tend to have ${state.corr > 0 ? "higher" : "lower"} slopes.`;
  }
  if (moved === "tau00" || moved === "tau11") {
    const p = moved === "tau00" ? 0 : 1, middle = tables.averages[0][p], reach = 1.96 * Math.sqrt(state[moved]);
    return `95% of ${many[0]} have a ${p ? "slope" : "mean"} between ${number(middle - reach)} and ${number(middle + reach)}: ${data.names[moved]} is what is left unexplained.`;
  }
  if (moved === "gamma02") return `${cap} one unit apart in ${mLabel} differ in their means by ${data.names.gamma02} = ${number(state.gamma02)}.`;
  if (moved === "gamma12" || (moved === "level2" && mLabel)) return `Each further unit of ${mLabel} changes every ${group}'s slope by ${data.names.gamma12} = ${number(state.gamma12)}.`;
  if (tables.averages.length < 2) return "";
  return `At the ${group}'s mean of ${xLabel} the two averages are ${number(tables.averages[0][0])} and ${number(tables.averages[1][0])}.`;
}

function sentence(data, state, tables, moved) {
  if (state.truth) return `The truth is hidden: the ${data.groups}' lines follow it, the thick lines and the numbers are your guess. Move the γ's until each thick line runs through the middle of its own thin lines, then show the truth.`;
  const slopes = tables.averages.map((a) => a[1]), up = slopes.map((s) => number(s));
  const place = state.mode === "both" ? ` at ${data.mLabel} ${number(state.level2)}` : "";
  let first = `In ${data.groups}${place}, one more unit of ${data.xLabel} goes with ${up[0]} ${data.units}.`;
  if (slopes.length === 2) {
    const gap = number(state.gamma11), name = data.names.gamma11;
    const what = gap === "0.00"
      ? `${name} = 0 makes the two lines parallel, there is no cross-level interaction`
      : `${name} = ${gap} makes the ${data.kinds[1]} line ${Math.abs(slopes[1]) > Math.abs(slopes[0]) ? "steeper" : "flatter"}`;
    first = `One more unit of ${data.xLabel} goes with ${up[0]} ${data.units} in ${data.many[0]} and ${up[1]} in ${data.many[1]}${place}: ${what}.`;
  }
  return `${first} ${detail(data, state, tables, moved)}`.trim();
}

const atEstimates = (data, state, mode) => ({ ...state, ...data.references[mode].estimates, mode, truth: null });

/** A button: the next state, and what to say of it. */
function press(data, state, name) {
  if (name in data.references) return { state: atEstimates(data, state, name) };
  if (name === "zero") return { state: { ...state, [data.zero]: 0 } };
  const names = [...LEVEL2, ...T_NAMES].filter((n) => has(data, n));
  if (!state.truth) {
    const truth = Object.fromEntries(names.map((n) => [n, state[n]]));
    const gaps = names.filter((n) => /^gamma.[12]$/.test(n)).map((n) => [n, 0]);
    return { state: { ...state, ...Object.fromEntries(gaps), gamma10: 0, truth } };
  }
  const shown = names.filter((n) => n.startsWith("gamma") && n !== "gamma00" && inMode(state, n));
  const parts = shown.map((n) => `${data.names[n]}: you said ${number(state[n])}, it is ${number(state.truth[n])}`);
  return { state: { ...state, ...state.truth, truth: null }, say: `The truth is back. ${parts.join("; ")}.` };
}

export const view = {
  compute, press, svg, sentence,
  title: (data, state) => data.describe[state.mode],
  text(data, state, tables, moved) {
    const eq = block(state.truth ? "Your guess as equations" : "Level 2 and the combined model", equationsOf(data, state, tables, moved));
    return eq + (state.truth ? "" : block(data.references[state.mode].heading, output(data, state, tables), "mlm-output"));
  },
  // other moderators are another model: go to its own estimates
  change: (data, state, name, value) => (name === "mode" ? atEstimates(data, state, value) : { ...state, [name]: value }),
  shown(data, state, name) {
    if (name === "mode") return Object.keys(data.references).length > 1;
    if (["gamma02", "gamma12", "level2"].includes(name)) return state.mode === "both";
    return !(T_NAMES.includes(name) && state.truth);
  },
  caption: (data, state, action) => (action.name === "hide" && state.truth ? "Show the truth" : action.label),
};
