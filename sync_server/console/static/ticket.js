// The dialog of a ticket's actions: its form comes from the server, a refused one comes back into it.
const dialog = document.getElementById('act');
const body = document.getElementById('act-body');

// The button was clicked: what an earlier action left is gone before the new form arrives.
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-open-dialog="act"]')) body.replaceChildren();
}, true);

// The caret goes into a form once, when that form comes: other answers (engineers that fit, the ticket behind) leave it.
let shown = null;
document.addEventListener('htmx:after:swap', () => {
  const form = body?.querySelector('form');
  if (!form || form === shown || !dialog.open) return;
  shown = form;
  document.getElementById('act-title').textContent = form.dataset.title;
  const wrong = form.querySelector('[aria-invalid], .has-error input');
  (wrong ?? form.querySelector('input:not([type=hidden]):not(:checked), textarea, select'))?.focus();
});
dialog?.addEventListener('close', () => body.replaceChildren());
