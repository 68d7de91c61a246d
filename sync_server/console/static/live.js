// Makes a page live. Elements say what they show, htmx fetches them anew when that changes:
//   data-live="ticket:<id>"        this one thing (several, separated by spaces)
//   data-live-kind="ticket visit"  anything of these kinds (lists, counts)
// together with hx-get="…" hx-trigger="live". Scripts listen to the document event `live:change`.
import { LiveStream } from './live-stream.js';

const GATHER_MS = 250;
const PATIENCE_MS = 2500;
const words = JSON.parse(document.getElementById('live-words')?.textContent ?? '{}');
const banner = document.getElementById('live-banner');
const sign = document.getElementById('live-sign');
const LIVE = '[data-live], [data-live-kind]';
const waiting = []; // changes not yet shown
const inFlight = new Map(); // request of a live element -> the element and the changes told meanwhile
let timer = 0;
let lostTimer = 0;
let wasLost = false;

function concerns(element, change) {
  if (change.kind === '*') return true;
  const kinds = (element.dataset.liveKind ?? '').split(' ');
  return kinds.includes(change.kind) || (element.dataset.live ?? '').split(' ').includes(`${change.kind}:${change.id}`);
}

function isBeingEdited(element) {
  const focus = document.activeElement;
  const typing = element.contains(focus) && focus.matches('input:not([type=search]), textarea, select');
  return typing || element.querySelector('form[data-dirty], details.confirm[open]') !== null;
}

function fetchAnew(element) {
  if (!element.isConnected) return;
  if (!isBeingEdited(element)) {
    element.dispatchEvent(new CustomEvent('live', { bubbles: false }));
    return;
  }
  if (element.querySelector('.stale-notice')) return;
  const notice = document.createElement('p');
  notice.className = 'notice tone-warn stale-notice';
  notice.setAttribute('role', 'status');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'btn btn-sm btn-outline-secondary';
  button.textContent = words.show_new;
  button.addEventListener('click', () => element.dispatchEvent(new CustomEvent('live')));
  notice.append(words.stale, ' ', button);
  element.prepend(notice);
}

function onChange(change) {
  document.dispatchEvent(new CustomEvent('live:change', { detail: change }));
  waiting.push(change);
  if (timer) return;
  // The first change shows at once, a burst (a tablet sends a whole day) is gathered.
  flush();
  timer = setTimeout(() => {
    timer = 0;
    flush();
  }, GATHER_MS);
}

function flush() {
  const changes = waiting.splice(0);
  if (!changes.length) return;
  for (const element of document.querySelectorAll(LIVE)) {
    const own = changes.filter((change) => concerns(element, change));
    if (!own.length) continue;
    // The answer under way may be older than this change, and it replaces the element that asked.
    const request = [...inFlight.values()].find((each) => each.element === element);
    if (request) request.late.push(...own);
    else fetchAnew(element);
  }
}

document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => {
  const element = ctx.sourceElement;
  if (element.matches(LIVE)) inFlight.set(ctx, { element, late: [] });
});

document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
  const request = inFlight.get(ctx);
  if (!request) return;
  inFlight.delete(ctx);
  waiting.push(...request.late);
  // Someone else (a search) replaced the element meanwhile, perhaps with what was true before: ask once more.
  if (ctx.status !== 'swapped' && !request.element.isConnected) waiting.push({ kind: '*' });
  flush();
});

// Who works with the keyboard stays where he is: what had the focus is looked for in what came in its place.
const alike = (element) => {
  const name = (one) => one.getAttribute('href') ?? one.getAttribute('name') ?? one.textContent.trim();
  return [...document.querySelectorAll(element.tagName)].filter((one) => name(one) === name(element));
};
const left = new WeakMap(); // request -> what had the focus, the how manieth of its kind
document.addEventListener('htmx:before:swap', ({ detail: { ctx } }) => {
  const focus = document.activeElement;
  if (ctx.sourceElement.matches(LIVE) && ctx.sourceElement.contains(focus)) left.set(ctx, [focus, alike(focus).indexOf(focus)]);
});
document.addEventListener('htmx:after:swap', ({ detail: { ctx } }) => {
  const [focus, place] = left.get(ctx) ?? [];
  if (focus && !focus.isConnected) alike(focus)[place]?.focus({ preventScroll: true });
});

function show(text, tone, link) {
  banner.hidden = !text;
  banner.className = `live-banner tone-${tone}`;
  banner.textContent = text ?? '';
  if (link) banner.append(' ', link);
}

function onState(state) {
  sign?.setAttribute('data-state', state);
  document.documentElement.dataset.live = state;
  clearTimeout(lostTimer);
  if (state === 'open' && wasLost) {
    wasLost = false;
    show(words.back, 'working');
    lostTimer = setTimeout(() => show(null, 'neutral'), 4000);
  }
  if (state === 'lost') {
    lostTimer = setTimeout(() => {
      wasLost = true;
      const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
      show(words.lost.replace('{time}', time), 'warn');
    }, wasLost ? 0 : PATIENCE_MS);
  }
  if (state === 'ended') {
    const link = document.createElement('a');
    link.href = '/console/sign-in';
    link.textContent = words.sign_in;
    show(words.signed_out, 'alert', link);
  }
}

function onMessage(message) {
  if (message.state) onState(message.state);
  if (message.change) onChange(message.change);
}

function connect() {
  const after = Number(document.body.dataset.livePosition);
  const alone = () => {
    const stream = new LiveStream(after, onMessage);
    addEventListener('pagehide', () => stream.close());
  };
  if (!window.SharedWorker) return alone();
  const worker = new SharedWorker(new URL('./live-worker.js', import.meta.url), { type: 'module', name: 'live' });
  worker.onerror = alone;
  worker.port.onmessage = (event) => onMessage(event.data);
  worker.port.postMessage({ after });
  addEventListener('pagehide', () => worker.port.postMessage({ bye: true }));
  // A page out of the browser's back-forward cache is old: take part again and fetch everything.
  addEventListener('pageshow', (event) => {
    if (event.persisted) worker.port.postMessage({ after: -1 });
  });
}

if (document.body.dataset.livePosition) connect();
