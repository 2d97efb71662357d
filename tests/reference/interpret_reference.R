# All pairs, standard errors of predictions, HLM's tests and effect sizes, from lme4, lmerTest and
# emmeans, and from matrices written out.
#
#   Rscript tests/reference/interpret_reference.R       from the project's top folder
#
# The data: 24 schools of three kinds; y0 has no slope variance (its fit is singular), ym has gaps.

suppressPackageStartupMessages({library(lme4); library(lmerTest); library(emmeans); library(jsonlite)})
emm_options(lmerTest.limit = 10000, opt.digits = FALSE)
tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE,
                     optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-13,
                                    xtol_rel = 1e-13, ftol_abs = 1e-13, ftol_rel = 1e-15,
                                    maxeval = 20000))

set.seed(11)
J <- 24; n <- 8 + (seq_len(J) * 7) %% 13
g <- rep(seq_len(J), n)
kind <- c("coast", "hills", "town")[1 + (g - 1) %% 3]
w <- round(rnorm(J), 2)[g]
x <- round(5 + rnorm(J)[g] + rnorm(length(g)) * 1.5, 2)
m <- ave(x, g); xc <- x - m
mean_part <- 40 + 1.4 * (m - 5) + 2 * (kind == "town") + .5 * w
slope <- 1 + .8 * (kind == "hills") + .3 * w
u0 <- rnorm(J, 0, 1.5)[g]; u1 <- rnorm(J, 0, .6)[g]
e <- rnorm(length(g), 0, 2 + .5 * (kind == "town"))
d <- data.frame(g, kind, w, x, m, xc, y = round(mean_part + u0 + (slope + u1) * xc + e, 3))
d$y0 <- round(mean_part + u0 + slope * xc + rnorm(length(g), 0, 2), 3)
d$ym <- ifelse(seq_along(g) %% 17 == 5, NA, d$y)
write.csv(d, "tests/reference/data/kinds.csv", row.names = FALSE)

hsb <- read.csv("mlm_helpers/data/datasets/hsb82.csv")
hsb$meanses <- ave(hsb$ses, hsb$school); hsb$cses <- hsb$ses - hsb$meanses

fits <- list(
  plain = lmer(y ~ xc * kind + xc * w + (1 + xc | g), d, control = tight),
  singular = lmer(y0 ~ xc * kind + xc * w + (1 + xc | g), d, control = tight),
  few = lmer(y ~ xc * kind + xc * w + (1 + xc | g), subset(d, g <= 9), control = tight),
  missing = lmer(ym ~ xc * kind + xc * w + (1 + xc | g), d, control = tight),
  ml = lmer(y ~ xc * kind + xc * w + (1 + xc | g), d, REML = FALSE, control = tight))
hsb_fits <- list(
  null = lmer(mathach ~ 1 + (1 | school), hsb, control = tight),
  slopes = lmer(mathach ~ cses + (1 + cses | school), hsb, control = tight),
  m3 = lmer(mathach ~ meanses * cses + sector * cses + (1 + cses | school), hsb, control = tight))

pairs_of <- function(grid, adjust) {
  s <- summary(pairs(grid, adjust = adjust), infer = TRUE)
  out <- data.frame(estimate = s$estimate, std_error = s$SE, df = s$df, t = s$t.ratio,
                    p = s$p.value, lower = s$lower.CL, upper = s$upper.CL)
  as.list(out)
}
three <- function(grid) sapply(c("tukey", "holm", "none"), pairs_of, grid = grid, simplify = FALSE)
kinds <- function(fit, data) list(
  slopes = three(emtrends(fit, ~ kind, var = "xc", at = list(w = 0, xc = 0), data = data,
                          lmer.df = "satterthwaite")),
  means = three(emmeans(fit, ~ kind, at = list(w = 0, xc = 0), data = data,
                        lmer.df = "satterthwaite")))
school <- hsb[!duplicated(hsb$school), ]
at <- mean(school$meanses) + c(-1, 0, 1) * sd(school$meanses)
pairs_hsb <- three(emtrends(hsb_fits$m3, ~ meanses, var = "cses",
                            at = list(meanses = at, sector = 0, cses = 0), data = hsb,
                            lmer.df = "satterthwaite"))

# standard errors of x'gamma + z'u from Henderson's equations, with their full covariance matrix
henderson <- function(fit) {
  X <- as.matrix(getME(fit, "X")); Z <- as.matrix(getME(fit, "Z")); s2 <- sigma(fit)^2
  L <- as.matrix(getME(fit, "Lambda")); D <- s2 * tcrossprod(L)
  V <- Z %*% D %*% t(Z) + s2 * diag(nrow(Z)); Vi <- solve(V)
  C <- solve(t(X) %*% Vi %*% X)
  # Cov(gamma_hat - gamma), Cov(u_hat - u) and Cov of the two (Henderson 1975)
  B <- D %*% t(Z) %*% Vi
  Cuu <- D - B %*% Z %*% D + B %*% X %*% C %*% t(X) %*% t(B)
  Cgu <- -C %*% t(X) %*% t(B)
  list(C = C, Cuu = Cuu, Cgu = Cgu, s2 = s2, X = X, Z = Z)
}
errors <- function(fit) {
  h <- henderson(fit)
  known <- rowSums((h$X %*% h$C) * h$X) + rowSums((h$Z %*% h$Cuu) * h$Z) +
    2 * rowSums((h$X %*% h$Cgu) * h$Z)
  T <- as.matrix(VarCorr(fit)$g); z <- as.matrix(getME(fit, "mmList")[[1]])
  fixed <- rowSums((h$X %*% h$C) * h$X)
  list(known = sqrt(known), known_new_student = sqrt(known + h$s2), fixed = sqrt(fixed),
       new_group = sqrt(fixed + rowSums((z %*% T) * z)),
       new_group_new_student = sqrt(fixed + rowSums((z %*% T) * z) + h$s2),
       fitted = unname(fitted(fit)))
}

# Raudenbush & Bryk (2002), eq. 3.103 and p. 264, as HLM computes them
hlm <- function(fit, smallest) {
  group <- getME(fit, "flist")[[1]]; Z <- as.matrix(getME(fit, "mmList")[[1]])
  r <- getME(fit, "y") - as.vector(as.matrix(getME(fit, "X")) %*% fixef(fit)); s2 <- sigma(fit)^2
  b <- v <- NULL; f <- s <- NULL
  for (j in levels(group)) {
    i <- group == j; z <- Z[i, , drop = FALSE]
    if (qr(z)$rank < ncol(z)) next
    A <- solve(crossprod(z)); bj <- as.vector(A %*% crossprod(z, r[i]))
    b <- rbind(b, bj); v <- rbind(v, diag(A) * s2)
    f <- c(f, sum(i) - ncol(z)); s <- c(s, sum((r[i] - z %*% bj)^2))
  }
  keep <- f >= smallest
  l <- log(s[keep] / f[keep]); fk <- f[keep]
  d <- (l - sum(fk * l) / sum(fk)) / sqrt(2 / fk)
  list(chi2 = colSums(b^2 / v), used = nrow(b), H = sum(d^2), H_df = sum(keep) - 1)
}

# Aguinis & Culpepper (2015), and the interaction in standard deviations
base <- lmer(y ~ xc + m + (1 + xc | g), d, control = tight)
icc_beta <- VarCorr(base)$g[2, 2] * sum(d$xc^2) / (nrow(d) - 1) / var(d$y)
one <- d[!duplicated(d$g), ]
by_w <- fixef(fits$plain)["xc:w"]
gamma <- fixef(fits$plain)
slopes <- gamma["xc"] + gamma["xc:w"] * one$w +
  ifelse(one$kind == "hills", gamma["xc:kindhills"], 0) +
  ifelse(one$kind == "town", gamma["xc:kindtown"], 0)
share <- var(slopes) / (var(slopes) + VarCorr(fits$plain)$g[2, 2])

out <- list(
  pairs = lapply(setNames(nm = names(fits)), function(f)
    kinds(fits[[f]], if (f == "few") subset(d, g <= 9) else if (f == "missing") d[!is.na(d$ym), ] else d)),
  pairs_hsb = pairs_hsb,
  errors = lapply(fits[c("plain", "singular", "few", "missing")], errors),
  hlm = c(lapply(fits, hlm, smallest = 8), lapply(hsb_fits, hlm, smallest = 10)),
  sizes = list(icc_beta = icc_beta, standardised = unname(by_w * sd(d$xc) * sd(one$w) / sd(d$y)),
               share = share),
  versions = list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                  emmeans = as.character(packageVersion("emmeans"))))
write(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = FALSE),
      "tests/reference/values/interpret.json")
