# Simple slopes, Johnson-Neyman bounds, predictions and R-squared from lme4 and lmerTest alone.
#
#   Rscript tests/reference/probing_reference.R       from the project's top folder
#
# Weights are written out by hand for each model, so that nothing of the Python side is shared.
# The optimum is lme4's at a tight tolerance.

suppressPackageStartupMessages({library(lme4); library(lmerTest); library(jsonlite)})

tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE,
                     optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-13,
                                    xtol_rel = 1e-13, ftol_abs = 1e-13, ftol_rel = 1e-15,
                                    maxeval = 20000))
d <- read.csv("mlm_helpers/data/datasets/hsb82.csv")
d$meanses <- ave(d$ses, d$school)
d$cses <- d$ses - d$meanses
school <- d[!duplicated(d$school), ]

rows <- function(fit, L, level = .95) {
  out <- contest(fit, L, joint = FALSE, confint = TRUE, level = level)
  data.frame(estimate = out[["Estimate"]], std_error = out[["Std. Error"]], df = out[["df"]],
             t = out[["t value"]], p = out[["Pr(>|t|)"]],
             lower = out[["lower"]], upper = out[["upper"]])
}
# weights in the order of fixef(): named, so that the order of terms does not matter
weights <- function(fit, ...) {
  w <- c(...)
  full <- setNames(numeric(length(fixef(fit))), names(fixef(fit)))
  stopifnot(all(names(w) %in% names(full)))
  full[names(w)] <- w
  full
}

m3 <- lmer(mathach ~ meanses * cses + sector * cses + (1 + cses | school), d, control = tight)
at <- mean(school$meanses) + c(-1, 0, 1) * sd(school$meanses)
slopes <- function(sector) do.call(rbind, lapply(at, function(m)
  weights(m3, cses = 1, "meanses:cses" = m, "cses:sector" = sector)))
intercepts <- rbind(weights(m3, "(Intercept)" = 1), weights(m3, "(Intercept)" = 1, sector = 1))

bounds <- function(fit, a, b) {                       # z: a quadratic in the moderator
  z2 <- qnorm(.975)^2; g <- fixef(fit); V <- as.matrix(vcov(fit))
  q <- function(u, v) sum(u * g) * sum(v * g) - z2 * drop(u %*% V %*% v)
  A <- q(b, b); B <- 2 * q(a, b); C <- q(a, a)
  sort((-B + c(-1, 1) * sqrt(B^2 - 4 * A * C)) / (2 * A))
}
bounds_t <- function(fit, a, b, low, high) uniroot(function(m) {
  r <- rows(fit, matrix(a + m * b, 1)); abs(r$t) - qt(.975, r$df)
}, c(low, high), tol = 1e-12)$root
catholic <- weights(m3, cses = 1, "cses:sector" = 1)
public <- weights(m3, cses = 1)
change <- weights(m3, "meanses:cses" = 1)

grid <- expand.grid(cses = c(-2, 0, 1.5), sector = 0:1)
predicted <- do.call(rbind, lapply(seq_len(nrow(grid)), function(i) with(grid[i, ],
  weights(m3, "(Intercept)" = 1, meanses = .3, cses = cses, sector = sector,
          "meanses:cses" = .3 * cses, "cses:sector" = sector * cses))))

s <- read.csv("tests/reference/data/schools.csv")
kind <- lmer(y ~ x * kind + (1 | g), s, control = tight)
kind_rows <- rbind(weights(kind, x = 1),
                   weights(kind, x = 1, "x:kindrural" = 1),
                   weights(kind, x = 1, "x:kindtown" = 1))

raw <- lmer(mathach ~ ses * sector + (1 + ses | school), d, control = tight)
raw_rows <- rbind(weights(raw, ses = 1), weights(raw, ses = 1, "ses:sector" = 1))

# Rights & Sterba (2019): the variance of the outcome that Model 3 implies
f1 <- with(d, cses * fixef(m3)["cses"] + meanses * cses * fixef(m3)["meanses:cses"] +
             sector * cses * fixef(m3)["cses:sector"])
f2 <- with(d, meanses * fixef(m3)["meanses"] + sector * fixef(m3)["sector"])
T <- VarCorr(m3)$school
parts <- c(f1 = var(f1), f2 = var(f2), v = T[2, 2] * var(d$cses), m = T[1, 1],
           sigma2 = sigma(m3)^2)

# separate regressions and reliabilities of Model 1
m1 <- lmer(mathach ~ cses + (1 + cses | school), d, control = tight)
ols <- lmList(mathach ~ cses | school, d, pool = FALSE)
se <- do.call(rbind, lapply(ols, function(f) coef(summary(f))[, 2]))
T1 <- VarCorr(m1)$school
v <- do.call(rbind, lapply(split(d, d$school), function(g)
  diag(solve(crossprod(cbind(1, g$cses)))) * sigma(m1)^2))
lambda <- sweep(1 / sweep(v, 2, diag(T1), "+"), 2, diag(T1), "*")

frame <- function(x) lapply(as.list(as.data.frame(x)), unname)
out <- list(
  slopes_by_meanses_catholic = frame(rows(m3, slopes(1))),
  slopes_by_meanses_public = frame(rows(m3, slopes(0))),
  intercepts_by_sector = frame(rows(m3, intercepts)),
  jn_catholic_z = bounds(m3, catholic, change),
  jn_public_z = bounds(m3, public, change),
  jn_catholic_t = c(bounds_t(m3, catholic, change, -6, -2), bounds_t(m3, catholic, change, -1, 0)),
  predicted = frame(rows(m3, predicted, level = .9)),
  slopes_by_kind = frame(rows(kind, kind_rows)),
  slopes_raw = frame(rows(raw, raw_rows)),
  decomposition = as.list(parts),
  ols = frame(cbind(b0 = coef(ols)[, 1], b1 = coef(ols)[, 2], b0_se = se[, 1], b1_se = se[, 2])),
  lambda = frame(lambda),
  versions = list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                  lmerTest = as.character(packageVersion("lmerTest"))))
write(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = FALSE),
      "tests/reference/values/probing.json")
