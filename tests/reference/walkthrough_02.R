# What R prints in walkthrough 2, step by step, as a console shows it: the call, then its output.
#
#   Rscript tests/reference/walkthrough_02.R      from the project's top folder
#
# writes walkthroughs/r_output/ex1_*.txt. These are lmer's calls as a student types them, with
# lme4's own settings.

suppressPackageStartupMessages(library(lmerTest))
source("tests/reference/console.R")

console("ex1_data", '
ex1 <- read.csv("mlm_helpers/data/datasets/ex1.csv.gz")
summary(ex1[c("g1rscore", "famses")])
c(students = nrow(ex1), schools = length(unique(ex1$schid)))
summary(as.vector(table(ex1$schid)))
table(sector = ex1$sector[!duplicated(ex1$schid)])
')

console("ex1_centering", '
ex1$schses <- ave(ex1$famses, ex1$schid)
ex1$famsesc <- ex1$famses - ex1$schses
ex1$schsesgdm <- ex1$schses - mean(ex1$schses)
round(sapply(ex1[c("famses", "schses", "famsesc", "schsesgdm")],
             function(x) c(mean = mean(x), sd = sd(x))), 4)
')

console("ex1_null", '
m0 <- lmer(g1rscore ~ 1 + (1 | schid), data = ex1)
summary(m0)
v <- as.data.frame(VarCorr(m0))$vcov
v[1] / sum(v)
')

console("ex1_random_intercept", '
m1_ri <- lmer(g1rscore ~ 1 + famsesc + (1 | schid), data = ex1)
print(summary(m1_ri), correlation = FALSE)
')

console("ex1_random_slope", '
m1 <- lmer(g1rscore ~ 1 + famsesc + (1 + famsesc | schid), data = ex1)
print(summary(m1), correlation = FALSE)
')

console("ex1_lrt", '
anova(m1_ri, m1)
')

console("ex1_residuals", '
u <- ranef(m1)$schid
head(u, 4)
sapply(u, sd)
sector <- tapply(ex1$sector, ex1$schid, mean)[rownames(u)]
aggregate(u, list(sector = sector), mean)
')

console("ex1_model2", '
m2 <- lmer(g1rscore ~ 1 + famsesc + sector + sector * famsesc + (1 + famsesc | schid),
           data = ex1)
print(summary(m2), correlation = FALSE)
')

console("ex1_model3", '
m3 <- lmer(g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc +
             schsesgdm * famsesc + (1 + famsesc | schid), data = ex1)
print(summary(m3), correlation = FALSE)
')

console("ex1_slopes", '
names(fixef(m3))
contest1D(m3, c(0, 0, 0, 1, 0, 0))    # the slope in public schools
contest1D(m3, c(0, 0, 0, 1, 1, 0))    # the slope in private schools
')

console("ex1_assumptions", '
quantile(residuals(m3, type = "pearson", scaled = TRUE))
sapply(split(residuals(m3), ex1$sector), sd)
')
