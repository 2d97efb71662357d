// From OLS slopes to EB slopes: what is taken back as noise, and what that does to a gap.

import { covariance, inverse, mean, semiCholesky, times } from "./numbers.js";
import { around, bars, bundle, drawn, follow, layout, legend, line, note, panel, points } from "./svg.js";
import { block, columns, equations, escaped, number, percent, printed, symbol } from "./text.js";

const NAMES = ["true", "ols", "eb", "u1"], KINDS = ["first", "second"];

function compute(data, state) {
  const { world: v } = data, s2 = state.sigma ** 2, gap = [v.gamma01, state.gamma11], p = v.share;
  const t = covariance(v.tau00, state.tau11, v.corr), known = state.model === "with";
  const between = t.map((row, i) => row.map((c, j) => c + (known ? 0 : gap[i] * gap[j] * p * (1 - p))));
  const noise = [s2 / state.n, s2 / (state.n * v.xSquare)];
  const weights = times(between, inverse([[between[0][0] + noise[0], between[0][1]], [between[1][0], between[1][1] + noise[1]]]));
  const root = semiCholesky(t), base = [v.gamma00, v.gamma10];
  const schools = v.deviates.map((z, i) => {
    const own = base.map((b, k) => b + v.kind[i] * gap[k]);
    const real = [own[0] + root[0][0] * z[0], own[1] + root[1][0] * z[0] + root[1][1] * z[1]];
    const ols = real.map((b, k) => b + z[2 + k] * Math.sqrt(noise[k]));
    const expected = known ? own : base.map((b, k) => b + p * gap[k]);
    const u1 = weights[1][0] * (ols[0] - expected[0]) + weights[1][1] * (ols[1] - expected[1]);
    return { w: v.kind[i], true: real[1], ols: ols[1], eb: expected[1] + u1, u1 };
  });
  const of = (name, w) => mean(schools.filter((s) => s.w === w).map((s) => s[name]));
  const gaps = NAMES.map((n) => of(n, 1) - of(n, 0));
  const along = data.along.map((n) => between[1][1] / (between[1][1] + s2 / (n * v.xSquare) + 1e-300));
  const total = between[1][1] + noise[1];
  return { schools, gaps, along, weights, t: between, noise: noise[1], reliability: total > 0 ? between[1][1] / total : NaN };
}

function svg(data, state, tables, { width, font, id }) {
  const top = legend(width, font, data.kinds.map((k, i) => ({ name: `${KINDS[i]} thick`, text: `${k} average`, shape: "both", kind: i })));
  const { boxes, height } = layout(width, font, [1.1, 1.15, 1], top.height);
  const all = tables.schools.flatMap((s) => [s.ols, s.eb]), lim = follow(data.axes.slopes, ...around(all, 0.03));
  const slopes = panel(boxes[0], font, { title: data.titles[0], xlim: [-0.25, 1.25], ylim: lim.lim, wider: lim.wider, xnames: [[0, "OLS"], [1, "EB"]] });
  let inside = "";
  KINDS.forEach((name, w) => {
    const mine = tables.schools.filter((s) => s.w === w), ols = mine.map((s) => s.ols), eb = mine.map((s) => s.eb);
    inside += bundle(slopes, [0, 1], ols, eb, `${name} thin`);
    for (const [x, ys] of [[0, ols], [1, eb]]) inside += points(slopes, ys.map(() => x), ys, 0.2 * font, `dot faint ${name}`, w);
  });
  KINDS.forEach((name, w) => {
    const mine = tables.schools.filter((s) => s.w === w), ends = [mean(mine.map((s) => s.ols)), mean(mine.map((s) => s.eb))];
    inside += line(slopes, [0, 1], ends, `${name} thick`) + points(slopes, [0, 1], ends, 0.42 * font, `dot big ${name}`, w);
  });
  const far = follow(data.axes.gaps, ...around([...tables.gaps, 0], 0.3));
  const names = ["true slopes", "OLS slopes", "EB slopes", "EB residuals"];
  const gaps = panel(boxes[1], font, { title: data.titles[1], x: data.units, xlim: far.lim, wider: far.wider, ylim: [-3.4, 0.7], ynames: [] });
  let body = bars(gaps, [[0, -3.4, 0.7]], "axis") + bars(gaps, tables.gaps.map((g, k) => [-k, 0, g]), "good wide", true);
  const words = tables.gaps.map((g, k) => note(gaps, g, -k, number(g), g < 0 ? "end" : "start") + note(gaps, far.lim[0], 0.42 - k, names[k])).join("");
  const curve = panel(boxes[2], font, { title: data.titles[2], x: data.nLabel, xlim: [0, 200], ylim: [0, 1.02] });
  const dot = line(curve, data.along, tables.along, "mute thick") + points(curve, [state.n], [tables.reliability], 0.45 * font, "dot big good");
  const left = state.n < 120;
  return {
    svg: top.svg + drawn(slopes, `${id}a`, inside) + drawn(gaps, `${id}b`, body, words)
      + drawn(curve, `${id}c`, dot, note(curve, state.n, tables.reliability - 0.11, number(tables.reliability), left ? "start" : "end")),
    height,
  };
}

function text(data, state, tables, moved) {
  const known = state.model === "with", tau = symbol("τ", "11") + (known ? "" : "<sup>*</sup>");
  const t11 = number(tables.t[1][1]), v = number(tables.noise), on = moved !== null;
  const bold = (s) => (on ? `<span class="mlm-moved">${s}</span>` : s);
  const [echo, own] = tables.weights[1], gap = [data.world.gamma01, state.gamma11];
  const rows = /** @type {[string, string][]} */ ([
    [symbol("λ"), `${tau} / (${tau} + <i>σ</i><sup>2</sup>/<i>S</i>)`],
    ["", `${t11} / (${t11} + ${v}) = ${bold(number(tables.reliability))}`],
    ["EB gap", known ? "0, the model has taken it out of the residuals"
      : `${number(own)}&thinsp;×&thinsp;(${number(gap[1])}) + (${number(echo)})&thinsp;×&thinsp;(${number(gap[0])}) = ${bold(number(own * gap[1] + echo * gap[0]))}`],
  ]);
  const table = columns([`${data.kinds[1]} minus ${data.kinds[0]}`, "gap"],
    ["true slopes", "OLS slopes", "EB slopes", "EB residuals"].map((n, k) => [n, number(tables.gaps[k])]));
  const notes = known ? [] : ["EB works on the mean and the slope of a school together: the second product is an echo of the gap in means, through the correlation of the two."];
  if (data.observed !== null) notes.push(`In the data themselves: γ₁₁ is estimated as ${number(data.gamma11)}, and the mean EB slope residuals of the model without ${data.wSymbol} differ by ${number(data.observed)}.`);
  return block("How far a slope is trusted", equations(rows)) + block("Gaps", printed(table) + notes.map((n) => `<p>${escaped(n)}</p>`).join(""), "mlm-output");
}

function sentence(data, state, tables) {
  const share = tables.reliability, start = `With ${state.n} ${data.students} per ${data.group}, τ₁₁ = ${number(state.tau11)} and σ = ${number(state.sigma)}, the reliability of an OLS slope is ${number(share)}: taken alone, ${percent(1 - share)} of its distance from what the model expects would be taken back as noise.`;
  if (state.model === "with") return `${start} This model knows ${data.wSymbol}: each EB slope is pulled towards its own kind's average, the gap of ${number(state.gamma11)} stays in the slopes and none is left in the residuals.`;
  return `${start} This model does not know ${data.wSymbol} and pulls every ${data.group} towards one average: of the true gap of ${number(state.gamma11)}, the EB residuals show ${number(tables.gaps[3])}.`;
}

export const view = {
  compute, svg, text, sentence,
  title: (data) => data.describe,
  press: (data, state, name) => ({ state: name === "large" ? { ...state, n: 150 } : { ...state, ...data.start } }),
};
