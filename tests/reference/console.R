# console(name, code): run R code and write what a console shows, calls after "> " and all that is
# printed, to walkthroughs/r_output/<name>.txt. Sourced by the scripts for the walkthroughs.

options(width = 80, digits = 7, useFancyQuotes = FALSE, show.signif.stars = TRUE)

console <- function(name, code, where = parent.frame()) {
  lines <- character()
  add <- function(x) lines <<- c(lines, x)
  pieces <- parse(text = code, keep.source = TRUE)
  for (i in seq_along(pieces)) {
    call <- as.character(attr(pieces, "srcref")[[i]])
    call <- unlist(strsplit(call, "\n"))
    add(paste0(c("> ", rep("+ ", length(call) - 1)), call))
    shown <- capture.output(withCallingHandlers({
      result <- withVisible(eval(pieces[[i]], where))
      if (result$visible) print(result$value)
    }, warning = function(w) {
      cat("Warning:", conditionMessage(w), "\n"); invokeRestart("muffleWarning")
    }, message = function(m) {
      cat(conditionMessage(m)); invokeRestart("muffleMessage")
    }))
    add(shown)
  }
  dir.create("walkthroughs/r_output", showWarnings = FALSE)
  writeLines(sub(" +$", "", lines), file.path("walkthroughs/r_output", paste0(name, ".txt")),
             useBytes = TRUE)
}
