# What R prints in walkthrough 1, as a console shows it: the call, then its output.
#
#   Rscript tests/reference/walkthrough_01.R      from the project's top folder
#
# writes walkthroughs/r_output/hsb82_*.txt

suppressPackageStartupMessages(library(lme4))
source("tests/reference/console.R")

hsb <- read.csv("mlm_helpers/data/datasets/hsb82.csv")

console("hsb82_default", '
hsb$meanses_rows <- ave(hsb$ses, hsb$school)
hsb$cses <- hsb$ses - hsb$meanses_rows
m3 <- lmer(mathach ~ 1 + sector + meanses_rows + cses + sector:cses +
             meanses_rows:cses + (1 + cses | school), data = hsb)
round(fixef(m3), 4)
sprintf("slope variance: %.4f", VarCorr(m3)$school["cses", "cses"])
')
