# What R's lme4 and lmerTest say about ex1: at their default settings and with a tight optimizer.
#
#   Rscript tests/reference/ex1_r.R          from the project's top folder; writes ex1_r.json and
#                                            ex1_r_m2.txt, ex1_r_m3.txt (R's printed output)
#
# lme4 stops when its optimizer is content, and lmerTest differentiates numerically: neither is
# exact in the last digits that it prints. So both are written down, unrounded, beside each other.

suppressPackageStartupMessages({ library(lme4); library(lmerTest); library(jsonlite) })
options(width = 100, digits = 7, useFancyQuotes = FALSE)

ex1 <- read.csv("mlm_helpers/data/datasets/ex1.csv.gz")
ex1$schses <- ave(ex1$famses, ex1$schid)
ex1$famsesc <- ex1$famses - ex1$schses
ex1$schsesgdm <- ex1$schses - mean(ex1$schses)

formulas <- list(
  m1 = g1rscore ~ 1 + famsesc + (1 + famsesc | schid),
  m2 = g1rscore ~ 1 + famsesc + sector + sector * famsesc + (1 + famsesc | schid),
  m3 = g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc + schsesgdm * famsesc +
    (1 + famsesc | schid)
)
without_slope <- list(
  m1 = g1rscore ~ 1 + famsesc + (1 | schid),
  m3 = g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc + schsesgdm * famsesc +
    (1 | schid)
)

tight <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE,
                     optCtrl = list(rhobeg = 0.02, rhoend = 1e-10, maxfun = 1e5))

# bobyqa again from where it stopped: its stopping radius is not its error
fit <- function(formula, control, reml = TRUE) {
  # the formula itself in the call, so that the printed output shows it
  run <- function(start) {
    eval(bquote(lmer(.(formula), data = ex1, REML = .(reml), control = control, start = start)))
  }
  m <- run(NULL)
  if (identical(control, tight)) for (i in 1:3) m <- run(getME(m, "theta"))
  m
}

statistics <- function(x) {
  list(mean = mean(x), sd = sd(x), median = median(x), min = min(x), max = max(x))
}

one_model <- function(m) {
  s <- summary(m, correlation = FALSE)
  v <- as.data.frame(VarCorr(m))
  list(
    reml_criterion = as.numeric(s$AICtab[["REML"]]),
    scaled_residuals = setNames(as.list(unname(quantile(residuals(m, scaled = TRUE)))),
                                c("min", "q1", "median", "q3", "max")),
    random = list(
      intercept_variance = v$vcov[1], intercept_sd = v$sdcor[1], slope_variance = v$vcov[2],
      slope_sd = v$sdcor[2], corr = v$sdcor[3], residual_variance = v$vcov[4],
      residual_sd = v$sdcor[4]),
    fixed = lapply(
      setNames(seq_len(nrow(s$coefficients)), rownames(s$coefficients)),
      function(i) setNames(as.list(unname(s$coefficients[i, ])),
                           c("estimate", "std_error", "df", "t", "p")))
  )
}

slope_test <- function(name, control) {
  a <- anova(fit(without_slope[[name]], control, FALSE), fit(formulas[[name]], control, FALSE))
  lapply(1:2, function(i) {
    row <- list(npar = a$npar[i], AIC = a$AIC[i], BIC = a$BIC[i], logLik = a$logLik[i],
                deviance = if ("deviance" %in% names(a)) a$deviance[i] else -2 * a$logLik[i])
    if (i == 2) row <- c(row, list(Chisq = a$Chisq[2], Df = a$Df[2], p = a[["Pr(>Chisq)"]][2]))
    row
  })
}

everything <- function(control) {
  m <- lapply(formulas, fit, control = control)
  u <- ranef(m$m1)$schid
  sector <- ex1$sector[match(rownames(u), ex1$schid)]
  by_sector <- function(x) {
    list(public = statistics(x[sector == 0]), private = statistics(x[sector == 1]))
  }
  v <- as.data.frame(VarCorr(m$m1))$vcov
  if (identical(control, default)) for (k in c("m2", "m3")) {
    writeLines(capture.output(print(summary(m[[k]]), correlation = FALSE)),
               sprintf("tests/reference/ex1_r_%s.txt", k))
  }
  list(
    model1 = list(tau00 = v[1], tau11 = v[2],
                  eb_by_sector = list(u0 = by_sector(u[[1]]), u1 = by_sector(u[[2]])),
                  slope_variance_test_ml = slope_test("m1", control)),
    model2 = one_model(m$m2),
    model3 = c(one_model(m$m3), list(slope_variance_test_ml = slope_test("m3", control)))
  )
}

default <- lmerControl()
out <- list(
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                  lmerTest = as.character(packageVersion("lmerTest"))),
  default = everything(default), tight = everything(tight)
)
write_json(out, "tests/reference/ex1_r.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
