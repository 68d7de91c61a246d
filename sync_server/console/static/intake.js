// Taking a call with the keyboard alone: Enter takes the first caller found, arrows walk the list.
const search = () => document.querySelector('[data-caller-search]');
const rows = () => [...document.querySelectorAll('#found a')];

document.getElementById('caller-search')?.addEventListener('submit', (event) => {
  const first = rows()[0];
  if (!first) return;
  event.preventDefault();
  first.click();
});

document.addEventListener('keydown', (event) => {
  if (event.isComposing || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
  const list = rows();
  const place = list.indexOf(document.activeElement);
  if (!list.length || (document.activeElement !== search() && place < 0)) return;
  event.preventDefault();
  const next = place + (event.key === 'ArrowDown' ? 1 : -1);
  if (next < 0) search().focus();
  else list[Math.min(next, list.length - 1)].focus();
});

// Enter in a field of the form is not "register": only the button is.
document.getElementById('intake')?.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.target.matches('input:not([type=search])')) event.preventDefault();
});

// A unit that is not listed is registered with the call: its fields open by themselves.
document.addEventListener('change', (event) => {
  if (event.target.id !== 'f-equipment_id') return;
  const more = document.querySelector('[data-new-unit]');
  if (more && event.target.value === 'new') more.open = true;
});

// Another caller: what is known of him is fetched, and the next thing is the unit.
let shown = document.getElementById('who');
document.addEventListener('htmx:after:swap', () => {
  const who = document.getElementById('who');
  if (who === shown) return;
  shown = who;
  document.body.dispatchEvent(new CustomEvent('chosen'));
  who.querySelector('select, input[type=search], input:not([type=hidden])')?.focus();
});

search()?.focus();
