// The small HTML beside a picture: numbers, symbols, equations and printed output.

const MINUS = "−";

/** @type {(text: string) => string} */
export const escaped = (text) =>
  text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c] || c);

/** A rounded number with a real minus sign, never -0.00. @type {(x: number, decimals?: number) => string} */
export function number(x, decimals = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not defined" : (x < 0 ? MINUS : "") + "∞";
  const text = x.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", MINUS);
}

/** @type {(share: number) => string} */
export const percent = (share) => `${(100 * share).toFixed(0)}%`;

/** ``p = .032`` or ``p < .001``. @type {(p: number) => string} */
export const pText = (p) => (p < 0.0005 ? "p < .001" : `p = ${p.toFixed(3).replace("0.", ".")}`);

/** @type {(letter: string, below?: string) => string} */
export const symbol = (letter, below = "") => `<i>${letter}</i>${below ? `<sub>${below}</sub>` : ""}`;

/** ``γ₁₁`` as HTML. @type {(plain: string) => string} */
export function greek(plain) {
  const digits = [...plain.slice(1)].map((c) => "₀₁₂₃₄₅₆₇₈₉".indexOf(c)).join("");
  return symbol(plain[0], digits);
}

/** Bold and underlined: what has just moved. @type {(text: string, on: boolean) => string} */
export const marked = (text, on) => (on ? `<span class="mlm-moved">${text}</span>` : text);

/** @typedef {[number, string, boolean]} Term a number, its variable in HTML, whether it has just moved */

/** The right side of an equation. @type {(terms: Term[], rest?: string[]) => string} */
export function linear(terms, rest = []) {
  const parts = terms.map(([value, variable, moved], i) => {
    const negative = number(value).startsWith(MINUS);
    const sign = i ? (negative ? `${MINUS} ` : "+ ") : negative ? MINUS : "";
    return sign + marked(number(Math.abs(value)), moved) + (variable ? `&thinsp;${variable}` : "");
  });
  return [...parts, ...rest.map((r) => `+ ${r}`)].join(" ");
}

/** Aligned equations, one [left, right] per row. @type {(rows: [string, string][]) => string} */
export const equations = (rows) =>
  `<div class="mlm-equations">${rows.map(([l, r]) => `<div>${l}&nbsp;=</div><div>${r}</div>`).join("")}</div>`;

/** @type {(title: string, body: string, name?: string) => string} */
export const block = (title, body, name = "") =>
  `<div class="mlm-block ${name}"><div class="mlm-block-title">${escaped(title)}</div>${body}</div>`;

/** @type {(text: string) => string} */
export const printed = (text) => `<pre tabindex="0">${escaped(text)}</pre>`;

/** Text columns as R prints them. @type {(head: string[], rows: string[][], left?: number) => string} */
export function columns(head, rows, left = 1) {
  const table = [head, ...rows];
  const widths = head.map((_, k) => Math.max(...table.map((r) => r[k].length)));
  const line = (/** @type {string[]} */ r) =>
    r.map((c, k) => (k < left ? c.padEnd(widths[k]) : c.padStart(widths[k]))).join(" ").trimEnd();
  return table.map(line).join("\n");
}

/** A table in cells that may hold HTML; the picked row carries an arrow and a frame.
 * @type {(caption: string, head: string[], rows: string[][], picked: number) => string} */
export function grid(caption, head, rows, picked) {
  const top = head.map((h) => `<th scope="col">${h}</th>`).join("");
  const body = rows.map((row, i) => {
    const cells = row.slice(1).map((c) => `<td>${c}</td>`).join("");
    return `<tr${i === picked ? ' class="mlm-picked"' : ""}><th scope="row">${i === picked ? "→ " : ""}${row[0]}</th>${cells}</tr>`;
  });
  return `<table><caption>${caption}</caption><thead><tr>${top}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

/** Numbers formatted together, as R's format() does. @type {(values: number[], digits: number) => string[]} */
export function rFormat(values, digits) {
  const finite = values.filter(Number.isFinite);
  const parts = finite.map((v) => {
    const [digitsOf, exponent] = Math.abs(v).toExponential(digits - 1).split("e");
    return { exp: Number(exponent), sig: digitsOf.replace(".", "").replace(/0+$/, "").length || 1 };
  });
  const decimals = Math.max(0, ...parts.map((p) => p.sig - p.exp - 1));
  const most = Math.max(1, ...parts.map((p) => p.sig));
  const left = Math.max(1, ...parts.map((p) => p.exp + 1));
  const fixed = left + (decimals ? decimals + 1 : 0);
  const science = most + (most > 1 ? 1 : 0) + 4;
  return values.map((v) =>
    !Number.isFinite(v) ? "NA" : fixed <= science ? v.toFixed(decimals)
      : v.toExponential(most - 1).replace(/e([+-])(\d)$/, "e$10$2"));
}
