// Forms that are changed by their own buttons: the server renders them anew, and they are put in
// place without loading the page. The JSON beside a form follows its fields.

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form));
  body.set("do", button);
  const answer = await fetch(form.action, {
    method: "POST", body, headers: { accept: "text/html" }, redirect: "manual",
  });
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...page.querySelectorAll("[data-form]")].find((each) => each.dataset.form === form.dataset.form) ?? null;
}

const verbOf = (form) => (form.dataset.form === "start" ? "" : "answer:");

async function change(form, button, focus) {
  const fresh = await send(form, button);
  if (!fresh) return form.requestSubmit();
  const two = fresh.querySelector(".two");
  form.querySelector(".two").replaceWith(two);
  const again = (focus && document.getElementById(focus)) ||
    [...two.querySelectorAll("button[data-local]")].find((each) => each.value === button);
  (again || two.querySelector("button[data-local], select, input:not([type=hidden])"))?.focus();
}

// Editing the fields updates the JSON.
const timers = new WeakMap();
function follow(form) {
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(async () => {
    const fresh = await send(form, `${verbOf(form)}show`);
    const editor = form.querySelector("textarea[name=json]");
    if (fresh && document.activeElement !== editor) editor.value = fresh.querySelector("textarea[name=json]").value;
  }, 400));
}

document.addEventListener("submit", (event) => {
  const { submitter, target: form } = event;
  if (!form.dataset.form || !submitter?.hasAttribute("data-local")) return;
  event.preventDefault();
  change(form, submitter.value, submitter.id);
});
document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.matches("select[data-local]")) change(target.form, `${verbOf(target.form)}show`, target.id);
});
document.addEventListener("input", (event) => {
  const { target } = event;
  if (target.form?.dataset.form && target.name !== "json" && /^[vkn](\/|$)/.test(target.name)) follow(target.form);
});
document.documentElement.classList.add("scripted");
