# Reference values from R's lme4, lmerTest and pbkrtest for every fit in cases.json.
#
#   Rscript tests/reference/make_reference.R [name ...]     from the project's top folder
#
# lme4 stops when its optimizer is content, which on these models can be in the 4th digit. Here
# each fit is minimised again from several starts, polished by Newton steps on numerical
# derivatives, and the lowest criterion is kept. What lme4 says by default is written down too.
# Satterthwaite df are lmerTest's, from its own functions differentiated with better chosen steps
# (its usual steps are relative to theta and leave 5 to 6 digits when theta is small).

suppressPackageStartupMessages({
  library(lme4); library(lmerTest); library(pbkrtest); library(jsonlite)
})
options(width = 80, digits = 7, useFancyQuotes = FALSE)

folder <- "tests/reference"
catalogue <- fromJSON(file.path(folder, "cases.json"), simplifyVector = FALSE)
asked <- commandArgs(trailingOnly = TRUE)
`%or%` <- function(value, otherwise) if (is.null(value)) otherwise else value

read_data <- function(name) {
  if (name != "hsb82") return(read.csv(file.path(folder, "data", paste0(name, ".csv"))))
  d <- read.csv("mlm_helpers/data/datasets/hsb82.csv")
  d$mean_ses <- ave(d$ses, d$school)      # the mean of the rows in the file
  d$cses <- d$ses - d$mean_ses
  d$cses_file <- d$ses - d$meanses        # the file's own school mean
  d
}

# ---- the lowest criterion ------------------------------------------------------------------

quiet <- lmerControl(optimizer = NULL, calc.derivs = FALSE, check.conv.singular = "ignore",
                     check.scaleX = "ignore", check.nobs.vs.nRE = "ignore",
                     check.nobs.vs.rankZ = "ignore", check.nobs.vs.nlev = "ignore")

bobyqa_until_still <- function(devfun, start, lower) {
  for (round in 1:4) {
    step <- nloptwrap(start, devfun, lower, rep(Inf, length(start)),
                      control = list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-12,
                                     xtol_rel = 1e-12, ftol_abs = 1e-13, maxeval = 5000))
    start <- pmax(step$par, lower)
  }
  start
}

newton <- function(devfun, theta, free) {
  if (!any(free)) return(theta)
  # numDeriv's steps are a tenth of its argument: with theta + reach * (z - 1) they are 0.03 in
  # theta whatever its size, the best trade of rounding (7e-12 of HSB's criterion) and truncation
  reach <- 0.3; one <- rep(1, sum(free))
  along <- function(z) devfun(replace(theta, free, theta[free] + reach * (z - 1)))
  for (round in 1:6) {
    gradient <- numDeriv::grad(along, one, method.args = list(d = 0.1)) / reach
    curvature <- numDeriv::hessian(along, one) / reach^2
    move <- tryCatch(solve(curvature, gradient), error = function(e) 0 * gradient)
    if (max(abs(move)) > 0.01 || along(one - move / reach) > devfun(theta) + 1e-9) break
    theta[free] <- theta[free] - move
    if (max(abs(move)) < 1e-9) break
  }
  theta
}

optimum <- function(devfun, reported) {
  lower <- environment(devfun)$lower
  set.seed(1)
  starts <- c(list(reported, reported * 0 + (lower == 0)), replicate(4, simplify = FALSE,
    ifelse(lower == 0, exp(rnorm(length(lower), -0.5)), rnorm(length(lower), 0, 0.3))))
  found <- lapply(starts, function(s) bobyqa_until_still(devfun, s, lower))
  best <- found[[which.min(sapply(found, devfun))]]
  # a diagonal element next to 0 is put on the edge when that costs nothing
  for (k in which(lower == 0 & best < 1e-3)) {
    edge <- replace(best, k, 0)
    edge <- newton(devfun, edge, !(lower == 0 & edge == 0))
    if (devfun(edge) <= devfun(best) + 1e-8) best <- edge
  }
  # a column of the factor whose diagonal is 0 and which matters nowhere is 0 throughout
  blank <- best; blank[abs(blank) < 1e-4] <- 0
  if (devfun(blank) <= devfun(best) + 1e-9) best <- blank
  newton(devfun, best, !(abs(best) < 1e-12))
}

# ---- what is written down about a fit ------------------------------------------------------

random_part <- function(m) {
  Lambda <- as.matrix(getME(m, "Lambda")); Zt <- getME(m, "Zt"); s <- sigma(m)
  cross <- as.matrix(Matrix::tcrossprod(Zt))
  A <- crossprod(Lambda, cross %*% Lambda) + diag(nrow(Lambda))
  conditional <- s^2 * Lambda %*% solve(A, t(Lambda))
  b <- as.vector(getME(m, "b"))
  groups <- levels(getME(m, "flist")[[1]]); J <- length(groups)
  terms <- getME(m, "cnms"); start <- 0; where <- NULL; T <- NULL
  for (term in terms) {
    q <- length(term)
    where <- cbind(where, outer(seq_len(J), seq_len(q), function(j, k) start + (j - 1) * q + k))
    start <- start + J * q
  }
  first <- where[1, ]
  list(groups = groups, terms = unlist(terms, use.names = FALSE), where = where, b = b,
       conditional = conditional, T = s^2 * (Lambda %*% t(Lambda))[first, first, drop = FALSE])
}

per_group <- function(part, B) {
  # B maps the coefficients of the model that was fitted to those that are reported
  q <- length(part$terms)
  u <- t(apply(part$where, 1, function(i) B %*% part$b[i]))
  sd <- t(apply(part$where, 1, function(i)
    sqrt(pmax(0, diag(B %*% part$conditional[i, i, drop = FALSE] %*% t(B))))))
  if (q == 1) { u <- t(u); sd <- t(sd) }
  list(groups = part$groups, u = u, sd = sd)
}

contrast_rows <- function(m, L) {
  do.call(rbind, lapply(seq_len(nrow(L)), function(i)
    as.data.frame(contest1D(m, L[i, ], ddf = "Satterthwaite"))))
}

describe <- function(m, case) {
  e <- case$equivalent; p <- length(fixef(m)); q <- sum(lengths(getME(m, "cnms")))
  reml <- isREML(m); n <- nobs(m)
  s <- e$y_scale %or% 1
  B <- diag(p); Bq <- diag(q)
  # outcome = y_shift + y_scale * y and predictor = shift + scale * x: the same model, well scaled
  if (!is.null(e)) B <- Bq <- s * solve(matrix(c(1, 0, e$shift, e$scale), 2))
  moved <- replace(numeric(p), 1, e$y_shift %or% 0)
  rows <- contrast_rows(m, B)
  estimate <- rows$Estimate + moved
  t <- estimate / rows$`Std. Error`
  jacobian <- if (is.null(e)) 0 else 2 * (n - reml * p) * log(s) + reml * 2 * log(e$scale)
  criterion <- (if (reml) REMLcrit(m) else deviance(m)) + jacobian
  npar <- attr(logLik(m), "df")
  part <- random_part(m); T <- Bq %*% part$T %*% t(Bq); groups <- per_group(part, Bq)
  # an equivalent fit is asked for its random effects on the scale of the outcome: u = B u_w
  list(
    nobs = n, ngroups = length(part$groups), npar = npar, reml = reml,
    criterion = criterion, loglik = -criterion / 2, aic = criterion + 2 * npar,
    bic = criterion + log(n) * npar,
    singular = isSingular(m), theta = if (is.null(e)) unname(getME(m, "theta")) else NULL,
    sigma = s * sigma(m), sigma2 = (s * sigma(m))^2, T = T, random_terms = part$terms,
    coefficients = data.frame(name = names(fixef(m)), estimate = estimate,
                              std_error = rows$`Std. Error`, df = rows$df, t = t,
                              p = 2 * pt(-abs(t), rows$df)),
    vcov = unname(B %*% as.matrix(vcov(m)) %*% t(B)),
    scaled_residual_quantiles = unname(quantile(residuals(m, "pearson", scaled = TRUE))),
    random_effects = groups)
}

kenward_roger <- function(m) {
  table <- coef(summary(m, ddf = "Kenward-Roger"))
  data.frame(name = rownames(table), estimate = table[, 1], std_error = table[, 2],
             df = table[, 3], t = table[, 4], p = table[, 5], row.names = NULL)
}

profile_table <- function(m, formula, data) {
  # a step a quarter of lme4's, since limits are read off a spline through the profile's points
  fit <- lme4::lmer(formula, data, REML = FALSE, control = lmerControl(optimizer = "bobyqa",
    optCtrl = list(rhoend = 1e-9), calc.derivs = FALSE, check.conv.singular = "ignore"))
  points <- with_warnings(profile(fit, delta.cutoff = 1 / 32, signames = FALSE))$value
  limits <- with_warnings(confint(points, level = 0.95))$value
  data.frame(name = rownames(limits), lower = limits[, 1], upper = limits[, 2], row.names = NULL)
}

printed <- function(m) {
  # from the criterion on: above it stand the formula and, here, the data spelt out in the call
  text <- with_warnings(capture.output(print(summary(m), correlation = FALSE)))$value
  text <- text[-seq_len(which(text == "")[1])]
  text[!grepl("^optimizer |no optimization", text)]
}

with_warnings <- function(expression) {
  said <- character()
  value <- withCallingHandlers(expression, warning = function(w) {
    said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning")
  }, message = function(w) {
    said <<- c(said, conditionMessage(w)); invokeRestart("muffleMessage")
  })
  list(value = value, said = unique(said))
}

formula_and_data <- function(case) {
  d <- read_data(case$data); f <- case$r_formula %or% case$formula; e <- case$equivalent
  if (!is.null(e)) {
    d[[e$outcome]] <- (d[[e$outcome]] - e$y_shift) / e$y_scale
    d[[e$predictor]] <- (d[[e$predictor]] - e$shift) / e$scale
  }
  list(formula = as.formula(f), data = d)
}

sharpened <- function(m, devfun) {
  # lmerTest:::as_lmerModLT again: the covariance of (theta, sigma) and the derivatives of vcov,
  # along z with (theta, sigma) = optimum + scale * (z - 1), so that numDeriv's first step is 0.03
  # of a unit of theta and 0.03 of sigma
  at <- c(getME(m, "theta"), sigma(m))
  scale <- 0.3 * c(rep(1, length(at) - 1), sigma(m))
  along <- function(f, ...) function(z) f(at + scale * (z - 1), devfun, ...)
  one <- rep(1, length(at))
  h <- numDeriv::hessian(along(lmerTest:::devfun_vp, isREML(m)), one) / outer(scale, scale)
  e <- eigen((h + t(h)) / 2, symmetric = TRUE)
  keep <- e$values > 1e-8
  V <- e$vectors[, keep, drop = FALSE]
  m@vcov_varpar <- 2 * V %*% (t(V) / e$values[keep])
  jacobian <- numDeriv::jacobian(along(lmerTest:::get_covbeta), one)
  m@Jac_list <- lapply(seq_along(at), function(i)
    array(jacobian[, i] / scale[i], dim = rep(length(fixef(m)), 2)))
  m
}

tight_fit <- function(case) {
  fd <- formula_and_data(case); reml <- case$reml %or% TRUE
  default <- with_warnings(lme4::lmer(fd$formula, fd$data, REML = reml))
  devfun <- lme4::lmer(fd$formula, fd$data, REML = reml, devFunOnly = TRUE, control = quiet)
  theta <- optimum(devfun, getME(default$value, "theta"))
  # the call is evaluated again by lmerTest: formula, data and start must be in it by value
  call <- bquote(lmerTest::lmer(.(fd$formula), data = .(fd$data), REML = .(reml),
                                start = .(theta), control = quiet))
  tight <- with_warnings(eval(call))
  list(m = sharpened(tight$value, devfun), usual = tight$value, said = tight$said,
       default = default, fd = fd)
}

reference <- function(case) {
  fit <- tight_fit(case); m <- fit$m
  out <- with_warnings(describe(m, case))
  values <- c(list(name = case$name, formula = case$formula), out$value)
  if (is.null(case$equivalent)) {
    d <- fit$default$value
    values$default <- list(criterion = if (isREML(d)) REMLcrit(d) else deviance(d),
                           theta = unname(getME(d, "theta")), said = fit$default$said)
  } else {  # what lme4 says about the badly scaled data themselves
    d <- with_warnings(lme4::lmer(as.formula(case$formula), read_data(case$data),
                                  REML = case$reml %or% TRUE))
    values$default <- list(criterion = if (isREML(d$value)) REMLcrit(d$value) else
                             deviance(d$value), said = d$said)
  }
  values$df_usual_steps <- if (is.null(case$equivalent)) unname(coef(summary(fit$usual))[, "df"])
  values$said <- unique(c(fit$said, out$said))
  if (isTRUE(case$kr)) values$kenward_roger <- kenward_roger(m)
  if (isTRUE(case$profile)) values$profile <- profile_table(m, fit$fd$formula, fit$fd$data)
  if (isTRUE(case$print)) values$printed <- printed(m)
  values
}

comparison <- function(case) {
  fits <- lapply(case$fits, function(name) {
    this <- Filter(function(k) k$name == name, catalogue$fits)[[1]]
    tight_fit(modifyList(this, list(reml = FALSE)))$m
  })
  table <- with_warnings(do.call(anova, unname(fits)))$value
  list(name = case$name, fits = unlist(case$fits), npar = table$npar, AIC = table$AIC,
       BIC = table$BIC, logLik = table$logLik, deviance = table$deviance, Chisq = table$Chisq,
       Df = table$Df, p = table$`Pr(>Chisq)`)
}

save_json <- function(values, name) {
  write(toJSON(values, digits = NA, auto_unbox = TRUE, na = "null", dataframe = "columns",
               matrix = "rowmajor", null = "null", pretty = FALSE),
        file.path(folder, "values", paste0(name, ".json")))
}

dir.create(file.path(folder, "values"), showWarnings = FALSE)
wanted <- function(case) length(asked) == 0 || case$name %in% asked
for (case in Filter(wanted, catalogue$fits)) {
  took <- system.time(values <- reference(case))[["elapsed"]]
  save_json(values, case$name)
  cat(sprintf("%-24s %.1f s  singular %-5s criterion %.7f, lme4 by default %+.1e higher %s\n",
              case$name, took, values$singular, values$criterion,
              values$default$criterion - values$criterion, paste(values$said, collapse = "; ")))
}
for (case in Filter(wanted, catalogue$comparisons))
  save_json(comparison(case), paste0("compare_", case$name))
if (length(asked) == 0) save_json(list(R = R.version.string,
  packages = sapply(c("lme4", "lmerTest", "pbkrtest", "numDeriv", "nloptr"),
                    function(p) as.character(packageVersion(p)), simplify = FALSE)), "versions")
