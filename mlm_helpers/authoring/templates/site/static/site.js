// What the themes and Jupyter leave open for somebody without a mouse or a screen.
document.addEventListener("DOMContentLoaded", () => {
  const set = (found, attributes) => {
    for (const element of document.querySelectorAll(found))
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  };
  // What scrolls sideways can be reached with the keyboard.
  for (const box of document.querySelectorAll(".cell_output .output, div.highlight pre")) {
    if (box.scrollWidth > box.clientWidth) {
      const label = box.matches("pre") ? "Code" : "Output";
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", label);
    }
  }
  // The corner of a table is no header.
  for (const corner of document.querySelectorAll("th"))
    if (!corner.textContent.trim()) corner.replaceWith(document.createElement("td"));
  // A button is called what stands on it.
  for (const button of document.querySelectorAll("summary[aria-label], .search-button-field"))
    button.removeAttribute("aria-label");
  set(".bd-sidebar-primary", { role: "navigation", "aria-label": "Course" });
});
