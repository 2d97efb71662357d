# Reference values for joint tests, cluster-robust standard errors and leaving one group out.
#   Rscript tests/reference/reviewer.R     (from the project's root; writes values/reviewer.json)
suppressPackageStartupMessages({library(lmerTest); library(pbkrtest); library(clubSandwich); library(jsonlite)})
tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE,
  optCtrl = list(xtol_abs = 1e-13, ftol_abs = 1e-13, xtol_rel = 1e-13, ftol_rel = 1e-13, maxeval = 1e5))
hsb <- read.csv("mlm_helpers/data/datasets/hsb82.csv")
hsb$meanses <- ave(hsb$ses, hsb$school)
hsb$cses <- hsb$ses - hsb$meanses
hsb$kind <- factor(c("north", "middle", "south")[hsb$school %% 3 + 1], levels = c("north", "middle", "south"))
hsb$church <- factor(ifelse(hsb$sector == 1, "yes", "no"))
holes <- hsb; holes$mathach[seq(7, nrow(holes), 50)] <- NA
few <- hsb[hsb$school %in% sort(unique(hsb$school))[1:9], ]
sing <- read.csv("tests/reference/data/singular.csv")
models <- list(
  kinds = list(mathach ~ cses * kind + sector + (1 + cses | school), hsb),
  model3 = list(mathach ~ sector + meanses + sector * cses + meanses * cses + (1 + cses | school), hsb),
  two_factors = list(mathach ~ cses * kind * church + (1 + cses | school), hsb),
  holes = list(mathach ~ cses * kind + (1 + cses | school), holes),
  few = list(mathach ~ cses * kind + (1 | school), few)
)
refine <- function(fit) {  # from the best start, again, until nothing moves
  for (i in 1:3) fit <- update(fit, start = getME(fit, "theta"))
  fit
}
frame <- function(a) list(term = rownames(a), num_df = a[["NumDF"]], den_df = a[["DenDF"]], F = a[["F value"]],
                          p = a[["Pr(>F)"]], mean_sq = a[["Mean Sq"]])
out <- list()
for (name in names(models)) {
  d <- models[[name]][[2]]
  fit <- lmer(models[[name]][[1]], d, control = tight)
  res <- list(criterion = REMLcrit(fit))
  for (type in c("III", "II")) res[[paste0("satterthwaite_", type)]] <- frame(anova(fit, type = type))
  if (name %in% c("few", "holes")) res$kr_III <- frame(anova(fit, type = "III", ddf = "Kenward-Roger"))
  plain <- as(fit, "lmerMod")
  for (kind in c("CR0", "CR1", "CR2")) {
    v <- vcovCR(plain, cluster = factor(plain@frame$school), type = kind)
    t <- coef_test(plain, vcov = v, test = "Satterthwaite")
    res[[kind]] <- list(term = rownames(t), estimate = t$beta, std_error = t$SE, df = t$df_Satt, p = t$p_Satt)
  }
  if (name == "few") {
    groups <- sort(unique(d$school))
    res$leave_out <- lapply(groups, function(g) {
      f <- lmer(models[[name]][[1]], d[d$school != g, ], control = tight)
      list(group = g, gamma = unname(fixef(f)), sigma2 = sigma(f)^2, tau00 = as.numeric(VarCorr(f)$school))
    })
  }
  out[[name]] <- res
}
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "tests/reference/values/reviewer.json")
