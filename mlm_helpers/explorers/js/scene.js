// One state of an explorer as plain text: what a page shows, and what Python keeps as a still.

/** What is drawn and said for a state, for a picture of some width and print size. */
export function made(view, data, state, moved, room) {
  const tables = view.compute(data, state), { svg, height } = view.svg(data, state, tables, room);
  return { svg, height, desc: view.title(data, state), text: view.text(data, state, tables, moved), sentence: view.sentence(data, state, tables, moved) };
}

/** What a button leads to: {state, say}, or null where it is the kernel's. */
export function pressed(view, data, state, name) {
  if (view.press) return view.press(data, state, name);
  return name === "reset" ? { state: { ...state, ...data.start } } : null;
}

/** What a control leads to: other moderators, say, are another model with estimates of its own. */
export const changed = (view, data, state, name, value) =>
  view.change ? view.change(data, state, name, value) : { ...state, [name]: value };
