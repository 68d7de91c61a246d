// Small manners of every page: CSRF header, dialogs, printing, forms that are sent once and keep their text.
// Everything here is a convenience: lists and forms work without it.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? '';

document.addEventListener('htmx:config:request', (event) => {
  const request = event.detail.ctx.request;
  if (request.method !== 'GET') request.headers['X-CSRF-Token'] = token;
});

// An answer that is no page is never swapped in (htmx-config noSwap): it is said, and the page stays.
const words = JSON.parse(document.getElementById('shell-words')?.textContent ?? '{}');
const pageAlert = document.getElementById('page-alert');
const tell = (text) => {
  pageAlert.hidden = !text;
  pageAlert.textContent = text;
};
document.addEventListener('htmx:response:error', (event) => {
  const status = event.detail.ctx.response.status;
  if (status >= 500) tell(words.failed.replace('{status}', status));
  else if (status !== 422 && status !== 409) tell(words.refused.replace('{status}', status));
});
document.addEventListener('htmx:error', (event) => {
  if (event.detail.error instanceof TypeError) tell(words.unreachable);
});
document.addEventListener('htmx:after:request', (event) => {
  if (event.detail.ctx.response?.status < 400) tell('');
});

document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-open-dialog]');
  if (opener) {
    const dialog = document.getElementById(opener.dataset.openDialog);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
    }
  }
  const closer = event.target.closest('[data-close-dialog]');
  if (closer) {
    event.preventDefault();
    closer.closest('dialog').close();
  }
  if (event.target.closest('[data-print]')) print();
  const menu = event.target.closest('details.menu');
  for (const open of document.querySelectorAll('details.menu[open]')) if (open !== menu) open.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const open of document.querySelectorAll('details.menu[open]')) {
    open.open = false;
    open.querySelector('summary').focus();
  }
});

// A form is sent once; the button comes back when the answer is swapped in or the page is shown again.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method === 'dialog' || form.method === 'get') return;
  if (form.dataset.sending) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = '1';
  form.setAttribute('aria-busy', 'true');
});
const release = () => {
  for (const form of document.querySelectorAll('form[data-sending]')) {
    delete form.dataset.sending;
    form.removeAttribute('aria-busy');
  }
};
addEventListener('pageshow', release);
document.addEventListener('htmx:finally:request', release);

// What someone has begun to type is never swapped away by a live change (live.js looks at this mark).
document.addEventListener('input', (event) => {
  const form = event.target.closest('form');
  if (form && form.getAttribute('role') !== 'search') form.dataset.dirty = '1';
});

document.querySelector('[data-first-error]')?.focus();
