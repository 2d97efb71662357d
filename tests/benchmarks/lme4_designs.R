# Fits every design_*.csv of a folder with lme4 and lmerTest, tightly and with several optimizers,
# and writes design_*.json beside it. Called by lme4_designs.py: Rscript lme4_designs.R FOLDER
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
controls <- list(
  lmerControl("bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE),
  lmerControl("Nelder_Mead", optCtrl = list(maxfun = 1e5, FtolAbs = 1e-12, XtolRel = 1e-12), calc.derivs = FALSE),
  lmerControl("nloptwrap", optCtrl = list(ftol_abs = 1e-14, xtol_abs = 1e-12, maxeval = 1e5), calc.derivs = FALSE)
)
for (i in seq_along(controls)) for (check in c("check.nobs.vs.nlev", "check.nobs.vs.nRE"))
  controls[[i]]$checkControl[[check]] <- "ignore"
# The profile of a fit by Nelder-Mead takes a minute: bobyqa goes on from where the best fit ended.
profiled <- function(best, data, about) {
  at <- tryCatch(suppressWarnings(suppressMessages(lme4::lmer(as.formula(about$formula), data,
    REML = about$reml, start = getME(best, "theta"), control = controls[[1]]))), error = function(e) NULL)
  if (is.null(at) || deviance(at, REML = about$reml) > deviance(as(best, "lmerMod"), REML = about$reml) + 1e-7)
    at <- as(best, "lmerMod")
  tryCatch(suppressWarnings(suppressMessages(
    confint(at, method = "profile", oldNames = FALSE))), error = function(e) NULL)
}
for (file in sort(list.files(folder, "^design_.*csv$", full.names = TRUE))) {
  if (file.exists(sub("csv$", "json", file))) next
  about <- fromJSON(sub("csv$", "about", file))
  data <- read.csv(file)
  out <- list()
  fits <- lapply(controls, function(control) tryCatch(suppressWarnings(suppressMessages(
    lmerTest::lmer(as.formula(about$formula), data, REML = about$reml, control = control))), error = function(e) NULL))
  fits <- Filter(Negate(is.null), fits)
  if (length(fits)) {
    values <- sapply(fits, function(f) if (about$reml) REMLcrit(f) else -2 * as.numeric(logLik(f)))
    best <- fits[[which.min(values)]]
    table <- tryCatch(suppressWarnings(suppressMessages(coef(summary(best)))), error = function(e) NULL)
    out$criterion <- min(values)
    out$singular <- isSingular(best, tol = 1e-4)
    if (!is.null(table) && "df" %in% colnames(table)) {
      out$name <- rownames(table); out$estimate <- table[, "Estimate"]
      out$se <- table[, "Std. Error"]; out$df <- table[, "df"]
    }
    if (isTRUE(about$profile)) {
      ci <- profiled(best, data, about)
      if (!is.null(ci)) { out$ends <- rownames(ci); out$lower <- ci[, 1]; out$upper <- ci[, 2] }
    }
  }
  write(toJSON(out, digits = NA, auto_unbox = FALSE, null = "null", na = "null"), sub("csv$", "json", file))
}
