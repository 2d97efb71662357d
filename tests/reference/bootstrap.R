# A parametric bootstrap by lme4's bootMer, to hold our intervals to.
#   Rscript tests/reference/bootstrap.R     (from the project's root; writes values/bootstrap.json)
suppressPackageStartupMessages({library(lme4); library(jsonlite)})
d <- read.csv("tests/reference/data/sleep.csv")
fit <- lmer(reaction ~ days + (1 + days | subject), d, REML = FALSE)
statistic <- function(f) c(days = unname(fixef(f)[2]), sigma = sigma(f), tau11 = VarCorr(f)$subject[2, 2])
set.seed(20261127)
b <- bootMer(fit, statistic, nsim = 4000, use.u = FALSE, type = "parametric")
out <- lapply(colnames(b$t), function(n) list(name = n, estimate = unname(b$t0[n]), sd = sd(b$t[, n]),
  lower = unname(quantile(b$t[, n], .025)), upper = unname(quantile(b$t[, n], .975))))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "tests/reference/values/bootstrap.json")
