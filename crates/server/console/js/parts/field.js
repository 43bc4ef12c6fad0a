// Form fields with their label, hint and fault tied together.

import { freshId, h } from "../dom.js";

/** A labelled control; `fault(text)` shows what is wrong with it, `fault()` takes that back. */
export function field(label, control, hint) {
  control.id ||= freshId("field");
  const hintId = `${control.id}-hint`;
  const faultId = `${control.id}-fault`;
  const told = h("p.fault", { id: faultId, hidden: true });
  control.setAttribute("aria-describedby", [hint && hintId, faultId].filter(Boolean).join(" "));
  const element = h("div.field", {},
    h("label", { for: control.id }, label), control, hint && h("p.hint", { id: hintId }, hint), told);
  const fault = (text) => {
    told.textContent = text ?? "";
    told.hidden = !text;
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  control.addEventListener("input", () => fault());
  return { element, control, fault };
}

/** A form whose button rests while `submit()` works; what goes wrong stands above the button. */
export function form(fields, label, submit) {
  const told = h("div.fault-box", { role: "alert", hidden: true });
  const button = h("button.button.primary", { type: "submit" }, label);
  const element = h("form.stack", {
    noValidate: true,
    onsubmit: async (event) => {
      event.preventDefault();
      told.hidden = true;
      button.disabled = true;
      try {
        await submit();
      } catch (error) {
        told.textContent = error.message;
        told.hidden = false;
      } finally {
        button.disabled = false;
      }
    },
  }, fields.map((one) => one.element ?? one), told, button);
  return element;
}
