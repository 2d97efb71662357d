// A simple slope along a moderator, with its interval and the Johnson-Neyman region.

import { dot, pOfT, quadratic, tQuantile } from "./numbers.js";
import { around, band, bars, drawn, follow, layout, legend, line, note, panel, points } from "./svg.js";
import { block, columns, equations, escaped, greek, marked, number, printed, symbol } from "./text.js";

/** Estimate, standard error, Satterthwaite df and interval of a combination l of the γ̂'s:
 * df = 2 v² / (g'Mg) with v = l'Cov(γ̂)l and g its gradient in the variance parameters. */
function tested(data, l, level) {
  const estimate = dot(l, data.gamma), v = quadratic(data.vcov, l);
  const g = data.forms.map((f) => quadratic(f, l)), df = (2 * v * v) / quadratic(data.metric, g);
  const std_error = Math.sqrt(v), t = estimate / std_error, reach = tQuantile(level, df) * std_error;
  return { estimate, std_error, df, t, lower: estimate - reach, upper: estimate + reach };
}

/** Weights of the slope (x null) or of the expected outcome at x. */
function weights(data, x, m, w) {
  const out = data.gamma.map(() => 0);
  for (const [name, k] of Object.entries(data.columns)) {
    const level2 = [1, w, m][Number(name[6])];
    if (name[5] === "1") out[k] = level2 * (x === null ? 1 : x);
    else if (x !== null) out[k] = level2;
  }
  return out;
}

const kindOf = (state) => (state.kind === "high" ? 1 : 0);

function compute(data, state) {
  const level = state.level / 100, w = kindOf(state), m = state.moderator;
  const slope = tested(data, weights(data, null, m, w), level);
  const line = data.x.map((x) => ({ x, ...tested(data, weights(data, x, m, w), level) }));
  const along = data.grid.map((at) => ({ at, ...tested(data, weights(data, null, at, w), level) }));
  return { slope: { ...slope, p: pOfT(slope.t, slope.df) }, line, along, region: data.regions[w][state.level - data.lowest] };
}

function svg(data, state, tables, { width, font, id }) {
  const top = legend(width, font, [
    { name: "second thick", text: `at the chosen ${data.symbols.m}` },
    { name: "first thick", text: "all along" },
    { name: "good area", text: "the slope differs from 0", shape: "area" },
  ]);
  const { boxes, height } = layout(width, font, [1, 1.35], top.height);
  const ys = tables.line.flatMap((r) => [r.lower, r.upper]), ylim = follow(data.axes.outcome, ...around(ys));
  const left = panel(boxes[0], font, { title: "Expected outcome", x: data.xLabel, y: data.yLabel, xlim: [data.x[0], data.x[data.x.length - 1]], ylim: ylim.lim, wider: ylim.wider });
  const expected = band(left, data.x, tables.line.map((r) => r.lower), tables.line.map((r) => r.upper), "second area")
    + line(left, data.x, tables.line.map((r) => r.estimate), "second solid");
  const slim = follow(data.axes.slope, ...around(tables.along.flatMap((r) => [r.lower, r.upper, 0])));
  const ends = /** @type {[number, number]} */ ([data.grid[0], data.grid[data.grid.length - 1]]);
  const right = panel(boxes[1], font, { title: `Slope of ${data.xLabel}`, x: data.mLabel, xlim: ends, ylim: slim.lim, wider: slim.wider });
  const [low, high] = slim.lim, { regions, bounds } = tables.region;
  let inside = regions.map(([a, b]) => band(right, [a, b], [low, low], [high, high], "good area")).join("");
  inside += bars(right, data.observed.map((m) => [m, low, low + 0.03 * (high - low)]), "mute rug");
  inside += band(right, data.grid, tables.along.map((r) => r.lower), tables.along.map((r) => r.upper), "first area");
  inside += line(right, ends, [0, 0], "axis") + line(right, data.grid, tables.along.map((r) => r.estimate), "first thick");
  inside += bars(right, bounds.map((b) => [b, low, high]), "link dashed");
  const m = state.moderator, { estimate, lower, upper } = tables.slope;
  inside += bars(right, [[m, lower, upper]], "second broad") + points(right, [m], [estimate], 0.42 * font, "dot big second");
  const over = note(right, m, estimate, number(estimate), m > (ends[0] + ends[1]) / 2 ? "end" : "start");
  return { svg: top.svg + drawn(left, `${id}a`, expected) + drawn(right, `${id}b`, inside, over), height };
}

function text(data, state, tables, moved) {
  const on = moved === "moderator", s = tables.slope, e = data.estimates, n = data.names;
  const general = [greek(n.gamma10)], filled = [number(e.gamma10)];
  if ("gamma11" in e) {
    general.push(`${greek(n.gamma11)}&thinsp;${data.symbols.w}`);
    filled.push(`(${number(e.gamma11)})&thinsp;×&thinsp;${kindOf(state)}`);
  }
  general.push(`${greek(n.gamma12)}&thinsp;${data.symbols.m}`);
  filled.push(`(${number(e.gamma12)})&thinsp;×&thinsp;(${marked(number(state.moderator), on)})`);
  const rows = /** @type {[string, string][]} */ ([[symbol("β", "1<i>j</i>"), general.join(" + ")], ["", filled.join(" + ")], ["", marked(number(s.estimate), on)]]);
  const p = s.p < 1e-4 ? s.p.toExponential(1) : s.p.toFixed(4);
  const table = columns(["", "Estimate", "Std. Error", "df", "t value", "Pr(>|t|)"],
    [[data.level1, s.estimate.toFixed(3), s.std_error.toFixed(3), s.df.toFixed(1), s.t.toFixed(2), p]]);
  const interval = `${state.level}% interval: ${s.lower.toFixed(2)} to ${s.upper.toFixed(2)}`;
  return block("The slope at this value", equations(rows)) + block("Simple slope", `${printed(`${table}\n${interval}`)}<p>${escaped(tables.region.note)}</p>`, "mlm-output");
}

function sentence(data, state, tables) {
  const s = tables.slope, who = data.many ? ` in ${data.many[kindOf(state)]}` : "";
  const verdict = s.lower > 0 || s.upper < 0
    ? "the interval leaves 0 out, so the slope differs from 0 here"
    : "the interval holds 0, so these data leave open whether this slope is 0 or which way it goes";
  return `At ${data.mLabel} ${number(state.moderator)}${who}, one more unit of ${data.xLabel} goes with ${number(s.estimate)} ${data.units} (${state.level}% interval ${number(s.lower)} to ${number(s.upper)}): ${verdict}.`;
}

export const view = { compute, svg, text, sentence, title: (data) => data.describe };
