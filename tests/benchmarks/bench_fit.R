# Timings of R on HSB Model 3, one R process: prints one JSON object of seconds (medians).
#   Rscript bench_fit.R path/to/hsb82.csv
suppressPackageStartupMessages({ library(lme4); library(lmerTest); library(pbkrtest) })

d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
d$mean_ses <- ave(d$ses, d$school)
d$cses <- d$ses - d$mean_ses
f <- mathach ~ mean_ses * cses + sector * cses + (1 + cses | school)

seconds <- function(times, run) {
  run()
  median(sapply(seq_len(times), function(i) {
    start <- proc.time()[["elapsed"]]; run(); proc.time()[["elapsed"]] - start
  }))
}
once <- function(run) { start <- proc.time()[["elapsed"]]; run(); proc.time()[["elapsed"]] - start }

fit <- lme4::lmer(f, d)
out <- c(
  lmer = seconds(11, function() lme4::lmer(f, d)),
  lmerTest_summary = seconds(5, function() capture.output(print(summary(lmerTest::lmer(f, d))))),
  kenward_roger = once(function() coef(summary(lmerTest::lmer(f, d), ddf = "Kenward-Roger"))),
  profile = once(function() suppressWarnings(confint(fit, method = "profile", quiet = TRUE))))
cat(sprintf("{%s}\n", paste(sprintf("\"%s\": %.5f", names(out), out), collapse = ", ")))
