# lme4 on rows stored as plain doubles, one column after the other: prints seconds and peak memory.
#   Rscript bench_scale.R rows.bin number_of_rows formula
suppressPackageStartupMessages(library(lme4))
asked <- commandArgs(trailingOnly = TRUE)
n <- as.integer(asked[2])
names <- c("score", "meanses", "cses", "sector", "school")
d <- as.data.frame(setNames(
  lapply(seq_along(names), function(k) {
    file <- file(asked[1], "rb")
    on.exit(close(file))
    seek(file, 8 * n * (k - 1))
    readBin(file, "double", n)
  }), names))
d$school <- factor(d$school)
start <- proc.time()[["elapsed"]]
fit <- lmer(as.formula(asked[3]), d, control = lmerControl(calc.derivs = FALSE))
seconds <- proc.time()[["elapsed"]] - start
status <- tryCatch(readLines("/proc/self/status"), error = function(e) character())
peak <- as.numeric(gsub("\\D", "", grep("^VmHWM", status, value = TRUE))) / 1024
cat(sprintf("{\"seconds\": %.2f, \"peak\": %.0f, \"criterion\": %.6f}\n", seconds,
  if (length(peak)) peak else NaN, REMLcrit(fit)))
