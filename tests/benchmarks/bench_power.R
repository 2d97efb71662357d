# The loop of bench_power.py in lmerTest: prints seconds, CPU seconds and power as JSON.
#   Rscript bench_power.R number_of_replications
suppressPackageStartupMessages({ library(lme4); library(lmerTest) })
replications <- as.integer(commandArgs(trailingOnly = TRUE)[1])
J <- 60; n <- 20; school <- rep(seq_len(J), each = n)
w <- as.numeric(seq_len(J) <= J / 2)
factor <- t(chol(matrix(c(1, .1, .1, .2), 2)))

one <- function() {
  u <- matrix(rnorm(2 * J), J) %*% t(factor)
  x <- rnorm(J * n)
  x <- x - ave(x, school)
  y <- u[school, 1] + (0.4 * w[school] + u[school, 2]) * x + rnorm(J * n, sd = 2)
  d <- data.frame(y, x, w = w[school], school)
  fit <- suppressMessages(lmerTest::lmer(y ~ x * w + (1 + x | school), d))
  coef(summary(fit))["x:w", "Pr(>|t|)"]
}

set.seed(1)
invisible(one())
start <- proc.time()
p <- vapply(seq_len(replications), function(i) one(), 0)
spent <- proc.time() - start
cat(sprintf("{\"seconds\": %.3f, \"cpu\": %.3f, \"power\": %.4f}\n",
  spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]], mean(p < .05)))
