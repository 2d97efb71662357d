# Pools fits of lme4/lmerTest to three imputed files by mice's rules; writes values/pooling.json.
# Run in this folder: Rscript pooling.R. The files data/imputed_1.csv to imputed_3.csv are what
# draw() in tests/test_pooling.py makes.
suppressMessages({library(lmerTest); library(mice); library(jsonlite)})
control <- lmerControl("bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE)
tables <- lapply(1:3, function(k) {
  data <- read.csv(sprintf("data/imputed_%d.csv", k))
  coef(summary(lmer(y ~ x * w + (1 + x | g), data, control = control)))
})
one <- function(name) {
  q <- sapply(tables, function(t) t[name, "Estimate"])
  u <- sapply(tables, function(t) t[name, "Std. Error"]^2)
  complete <- mean(sapply(tables, function(t) t[name, "df"]))
  p <- pool.scalar(q, u, n = complete + 1, k = 1)
  list(name = name, estimate = p$qbar, std_error = sqrt(p$t), df = p$df, within = p$ubar,
       between = p$b, riv = p$r, fmi = p$fmi)
}
write(toJSON(lapply(rownames(tables[[1]]), one), digits = NA, auto_unbox = TRUE, pretty = TRUE),
      "values/pooling.json")
