// The few matrices and the t distribution that explorers need.

/** @typedef {number[]} Vector @typedef {number[][]} Matrix */

/** @type {(a: Vector, b: Vector) => number} */
export const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

/** l'Ml @type {(m: Matrix, l: Vector) => number} */
export const quadratic = (m, l) => dot(m.map((row) => dot(row, l)), l);

/** @type {(a: Matrix, b: Matrix) => Matrix} */
export const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((s, v, k) => s + v * b[k][j], 0)));

/** @type {(a: Matrix) => Matrix} */
export const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));

/** @type {(values: Vector) => number} */
export const mean = (values) => values.reduce((s, v) => s + v, 0) / values.length;

/** Inverse by Gauss-Jordan with pivots. @type {(m: Matrix) => Matrix} */
export function inverse(m) {
  const n = m.length;
  const a = m.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let c = 0; c < n; c++) {
    let p = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(a[r][c]) > Math.abs(a[p][c])) p = r;
    [a[c], a[p]] = [a[p], a[c]];
    const top = a[c][c];
    a[c] = a[c].map((v) => v / top);
    for (let r = 0; r < n; r++) {
      const f = a[r][c];
      if (r !== c && f !== 0) a[r] = a[r].map((v, k) => v - f * a[c][k]);
    }
  }
  return a.map((row) => row.slice(n));
}

/** T of two variances and a correlation. @type {(a: number, b: number, corr: number) => Matrix} */
export function covariance(a, b, corr) {
  const cov = corr * Math.sqrt(a * b);
  return [[a, cov], [cov, b]];
}

/** Lower triangle L with LL' = T, zeros where T is singular. @type {(t: Matrix) => Matrix} */
export function semiCholesky(t) {
  const out = [[0, 0], [0, 0]];
  if (t[0][0] > 1e-13 * Math.max(t[0][0], 1e-300)) {
    out[0][0] = Math.sqrt(t[0][0]);
    out[1][0] = t[1][0] / out[0][0];
  }
  const rest = t[1][1] - out[1][0] ** 2;
  if (rest > 1e-13 * Math.max(t[1][1], 1e-300)) out[1][1] = Math.sqrt(rest);
  return out;
}

// ---- the t distribution ---------------------------------------------------------------------------
/** log Γ(x) for x > 0: Stirling's series far out, the recurrence before. @type {(x: number) => number} */
function logGamma(x) {
  let shift = 0;
  while (x < 15) shift += Math.log(x++);
  const y = 1 / (x * x);
  const series = 1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - (y * 691) / 360360))));
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x - shift;
}

/** The regularised incomplete beta function by its continued fraction (Lentz's method).
 * @type {(x: number, a: number, b: number) => number} */
function betaInc(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaInc(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let c = 1, d = 1 / Math.max(1 - ((a + b) * x) / (a + 1), 1e-300), h = d;
  for (let m = 1; m < 2000; m++) {
    for (const e of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / (1 + e * d);
      c = 1 + e / c;
      h *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return front * h;
}

/** Two-sided p of a t statistic. @type {(t: number, df: number) => number} */
export const pOfT = (t, df) => betaInc(df / (df + t * t), df / 2, 0.5);

/** The t with ``level`` of the distribution between -t and t. @type {(level: number, df: number) => number} */
export function tQuantile(level, df) {
  if (!(df > 0)) return NaN;
  const logDensity = logGamma((df + 1) / 2) - logGamma(df / 2) - 0.5 * Math.log(df * Math.PI);
  let low = 0, high = 1;
  while (pOfT(high, df) > 1 - level) high *= 2;
  let t = high / 2;
  for (let k = 0; k < 200; k++) {
    const over = pOfT(t, df) - (1 - level);
    if (over > 0) low = t;
    else high = t;
    const slope = -2 * Math.exp(logDensity - ((df + 1) / 2) * Math.log1p((t * t) / df));
    let next = t - over / slope;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - t) <= 1e-15 * Math.abs(t)) return next;
    t = next;
  }
  return t;
}
