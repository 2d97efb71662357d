// Centering lab: one data set, six ways to enter a level-1 predictor. Python sends all fits once.

import { around, bars, drawn, follow, layout, legend, line, note, panel, points } from "./svg.js";
import { block, equations, escaped, grid, linear, marked, number, symbol } from "./text.js";

const ORDER = ["no", "yes"].flatMap((mean) => ["raw", "grand", "within"].map((centering) => ({ centering, mean })));
const isChosen = (state) => (o) => o.centering === state.centering && o.mean === state.mean;

/** All six models under the state's other two choices; ``same``: the chosen fit, written differently. */
function compute(data, state) {
  const lab = data.labs[state.data];
  const models = lab.models[state.random][state.moderator].map((row, i) => ({ ...ORDER[i], ...row }));
  const chosen = models.find(isChosen(state));
  for (const row of models) row.same = Math.abs(row.deviance - chosen.deviance) < 1e-4;
  const at = (x, m) => outcome(lab, chosen, state, x, m), m = state.school;
  return { models, chosen, value: at(m, m), context: at(0, m) - at(0, 0) };
}

/** Expected outcome at x and a school mean m, both about the grand mean. */
function outcome(lab, row, state, x, m) {
  const entered = { raw: x + lab.grand, grand: x, within: x - m }[state.centering];
  return row.gamma00 + row.slope * entered + (state.mean === "yes" ? row.mean_coef * m : 0);
}

function svg(data, state, tables, { width, font, id }) {
  const lab = data.labs[state.data], one = lab.words.group, { chosen, models } = tables;
  const top = legend(width, font, [
    { name: "first thick", text: `the chosen ${one}'s line` },
    { name: "first dotted", text: `an average ${one}'s` },
    { name: "second thick", text: `${one} means` },
    { name: "ink broad", text: "contextual effect" },
  ]);
  const { boxes, height } = layout(width, font, [1.15, 1.15, 0.75], top.height);
  const [left, right] = lab.ends, at = (x, m) => outcome(lab, chosen, state, x - lab.grand, m), m = state.school;
  const spread = [-2.2 * lab.mSd, 2.2 * lab.mSd], between = spread.map((v) => at(v + lab.grand, v));
  const own = lab.ends.map((v) => at(v, m)), average = lab.ends.map((v) => at(v, 0));
  const lim = follow(lab.ylim, ...around([...own, ...average, ...between], 0.03));
  const main = panel(boxes[0], font, { title: lab.title, x: lab.words.x, y: lab.words.outcome, xlim: lab.ends, ylim: lim.lim, wider: lim.wider });
  const x = left + (m >= 0 ? 0.15 : 0.85) * (right - left), low = at(x, 0), high = at(x, m);
  let inside = points(main, lab.schools.map((s) => s[0] + lab.grand), lab.schools.map((s) => s[1]), 0.15 * font, "dot mute faint");
  inside += line(main, spread.map((v) => v + lab.grand), between, "second thick") + line(main, lab.ends, average, "first dotted");
  inside += line(main, lab.ends, own, "first thick") + points(main, [m + lab.grand], [at(m + lab.grand, m)], 0.4 * font, "dot ink big");
  if (Math.abs(high - low) > 1e-9) inside += bars(main, [[x, low, high]], "ink broad");
  let out = top.svg + drawn(main, `${id}a`, inside, Math.abs(high - low) > 1e-9 ? note(main, x, Math.min(low, high), number(high - low)) : "");
  const rows = ORDER.map((_, i) => -(i + (i > 2 ? 1.6 : 0.6)));
  [["slope", `Coefficient of ${lab.symbol}`], ["mean_coef", `… of its ${one} mean`]].forEach(([column, title], k) => {
    const known = models.map((r, i) => ({ at: rows[i], value: r[column], reach: r[`${column}_reach`] })).filter((r) => r.value !== null);
    const ends = around([0, ...known.flatMap((r) => [r.value - r.reach, r.value + r.reach])], 0.04);
    const names = /** @type {[number, string][]} */ (k ? [] : [
      ...ORDER.map((o, i) => [rows[i], lab.names[o.centering]]), [0.2, `without ${one} mean:`], [-3.9, `with ${one} mean:`]]);
    const place = panel(boxes[1 + k], font, { title, x: lab.words.units, xlim: ends, ylim: [-7.4, 0.9], ynames: names });
    let body = bars(place, [[0, -7.4, 0.9]], "axis") + bars(place, known.map((r) => [r.at, r.value - r.reach, r.value + r.reach]), "mute bar", true);
    body += points(place, known.map((r) => r.value), known.map((r) => r.at), 0.25 * font, "dot mute");
    const here = ORDER.findIndex(isChosen(state)), value = models[here][column];
    if (value !== null) body += points(place, [value], [rows[here]], 0.62 * font, "ring");
    out += drawn(place, `${id}${k ? "c" : "b"}`, body);
  });
  return { svg: out, height };
}

function equation(lab, state, tables, moved) {
  const x = `${lab.symbol}<sub><i>ij</i></sub>`, bar = `<span class="mlm-bar">${lab.symbol}</span>`;
  const row = tables.chosen, meanJ = `${bar}<sub><i>j</i></sub>`, on = moved === "centering" || moved === "mean";
  const entered = { raw: x, grand: `(${x} − ${bar}<sub>..</sub>)`, within: `(${x} − ${meanJ})` }[state.centering];
  const terms = [[row.gamma00, "", on], [row.slope, entered, on]];
  if (state.mean === "yes") terms.push([row.mean_coef, `(${meanJ} − ${bar}<sub>..</sub>)`, on]);
  if (state.moderator === "yes") {
    const w = `${lab.wSymbol}<sub><i>j</i></sub>`;
    terms.push([row.w, w, on], [row.gap, `${w}&thinsp;×&thinsp;${entered}`, on]);
  }
  const u = [symbol("u", "0<i>j</i>")];
  if (state.random === "yes") u.push(`${symbol("u", "1<i>j</i>")}&thinsp;${entered}`);
  const mark = marked(number(state.school), moved === "school");
  return equations([
    [symbol("Y", "<i>ij</i>"), linear(/** @type {any} */ (terms), [...u, symbol("r", "<i>ij</i>")])],
    [`<span class="mlm-bar"><i>Y</i></span><sub><i>j</i></sub>`, `${number(tables.value)} where the ${lab.words.group} mean is ${mark} from average`],
  ]) + `<ul>${meanings(lab, state, row).map((t) => `<li>${escaped(t)}</li>`).join("")}</ul>`;
}

function meanings(lab, state, row) {
  const { x, unit, unitMany, group, groups, outcome: y } = lab.words;
  const blend = state.centering !== "within" && state.mean === "no";
  const zero = { raw: `a ${unit} with ${x} 0`, grand: `a ${unit} with average ${x}`, within: `a ${unit} at the ${group}'s own mean` }[state.centering];
  const where = state.mean === "yes" ? ` in a ${group} with an average mean` : "";
  const slope = blend ? `a blend of the slopes within and between ${groups}: neither one` : `the slope within ${groups}`;
  const moderated = state.moderator === "yes", kind = moderated ? `, in ${lab.kinds[0]}` : "";
  const out = [`${number(row.gamma00)}: the expected ${y} of ${zero}${where}${kind}`, `${number(row.slope)}: ${slope}${kind}`];
  if (moderated) out.push(`${number(row.gap)}: by how much ${blend ? "that blend" : "it"} differs in ${lab.kinds[1]}: the cross-level interaction`);
  if (state.mean === "yes") {
    const value = number(row.mean_coef);
    out.push(state.centering === "within"
      ? `${value}: the slope between ${groups}; the contextual effect is ${value} − ${number(row.slope)} = ${number(row.contextual)}`
      : `${value}: the contextual effect: two ${unitMany} alike in ${x}, in ${groups} one unit apart in mean ${x}`);
  }
  return out;
}

function table(lab, state, tables) {
  const shown = ["slope", ...(state.moderator === "yes" ? ["gap"] : []), "mean_coef", "contextual", "tau00", "deviance"];
  const heads = { slope: "slope", gap: "γ₁₁", mean_coef: `${lab.words.group} mean`, contextual: "contextual", tau00: "τ₀₀", deviance: "ML deviance" };
  const { chosen } = tables;
  const rows = tables.models.map((row) => [
    lab.names[row.centering] + (row.mean === "yes" ? " + mean" : ""),
    ...shown.map((c) => {
      if (row[c] === null) return "";
      const same = !isChosen(state)(row) && chosen[c] !== null && Math.abs(row[c] - chosen[c]) <= 1e-5 * Math.max(Math.abs(chosen[c]), 1e-9);
      return (same ? "= " : "") + number(row[c], c === "deviance" ? 1 : 2);
    }),
  ]);
  return grid("“=” marks what is the same as in the chosen model", ["", ...shown.map((c) => heads[c])], rows, ORDER.findIndex(isChosen(state)));
}

function sentence(data, state, tables) {
  const lab = data.labs[state.data], { x, group, groups, units, unitMany } = lab.words, row = tables.chosen, m = state.school;
  const off = m === 0 ? "average" : `${number(Math.abs(m))} ${m > 0 ? "above" : "below"} average`;
  const same = tables.models.filter((r) => r.same).length - 1;
  const fits = same === 0 ? "No other row is the same model." : same === 1 ? "One other row is the same model." : `${same} other rows are the same model, written differently.`;
  const name = `${lab.names[state.centering]} ${x}`, lead = name[0].toUpperCase() + name.slice(1), slope = number(row.slope);
  const kind = state.moderator === "yes" ? ` in ${lab.kinds[0]}` : "";
  if (state.mean === "yes") return `${lead} with the ${group} mean: slope ${slope}, contextual effect ${number(row.contextual)}${kind}. Of two ${unitMany} with the same ${x}, the one in a ${group} whose mean is ${off} is expected to score ${number(Math.abs(row.contextual * m))} ${units} ${row.contextual * m >= 0 ? "higher" : "lower"} than the one in an average ${group}. ${fits}`;
  if (state.centering === "within") return `${lead} alone: slope ${slope} within ${groups}${kind}. The model says nothing of the ${group} means: the line of a ${group} whose mean is ${off} has the height of all others. ${fits}`;
  return `${lead} alone: slope ${slope}, a blend of within and between${kind}. For this model a ${group} whose mean is ${off} differs by ${number(row.slope * m)} ${units} only because of who goes there: it leaves no room for context. ${fits}`;
}

export const view = {
  compute, svg, sentence,
  title: (data, state) => data.labs[state.data].describe,
  text(data, state, tables, moved) {
    const lab = data.labs[state.data];
    return block("The chosen model", equation(lab, state, tables, moved)) + block("All six ways to enter it", table(lab, state, tables), "mlm-output");
  },
  shown: (data, state, name) => (name === "data" ? Object.keys(data.labs).length > 1 : name !== "moderator" || data.moderated),
};
