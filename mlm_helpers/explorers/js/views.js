// Every explorer by its kind. For readers and type checkers: script.py writes the same into a page,
// with each explorer in a function of its own.

import { view as centering } from "./centering.js";
import { view as cross_level } from "./cross_level.js";
import { view as probing } from "./probing.js";
import { view as refit } from "./refit.js";
import { view as shrinkage } from "./shrinkage.js";

/** @type {Record<string, any>} */
export const VIEWS = { centering, cross_level, probing, refit, shrinkage };
