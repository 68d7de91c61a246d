// The job's sheet beside the board (details from the server, a form to place it) and the question about a broken rule.
import { clock, fill } from './board-model.js';
import { make } from './board-draw.js';

export function enableSheet(board) {
  const { root, model, drawing } = board;
  const sheet = root.querySelector('[data-sheet]');
  const form = sheet.querySelector('form');
  let opened = null;

  root.addEventListener('click', (event) => {
    const button = event.target.closest('.job');
    if (button) open(model.jobsById.get(button.dataset.job));
    if (event.target.closest('[data-sheet-close]')) close();
    if (event.target.closest('[data-sheet-back]')) {
      const id = opened;
      close();
      board.save(id, { engineer_id: null });
    }
  });
  sheet.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      close();
    }
  });
  sheet.addEventListener('close', () => {
    drawing.dark();
    root.classList.remove('has-sheet');
  });

  function open(job) {
    opened = job.id;
    sheet.querySelector('[data-title]').textContent = `${job.number} · ${job.customer}`;
    sheet.querySelector('[data-link]').href = job.url;
    const place = form.elements;
    place.engineer.replaceChildren(...model.lanes.map((lane) => new Option(lane.name, lane.engineer_id)));
    place.engineer.value = job.engineer_id ?? model.lanes[0]?.engineer_id ?? '';
    place.day.value = model.day;
    const free = model.lanes[0] ? model.freeSlots(model.lanes[0], job.duration_min, job.id)[0]?.[0] : null;
    fillStarts(place.start, job.start_min ?? free ?? model.earliest());
    place.duration.value = job.duration_min;
    const isFixed = Boolean(job.locked) || model.is_read_only;
    for (const element of form.querySelectorAll('select, input, button')) element.disabled = isFixed;
    sheet.querySelector('[data-locked]').hidden = !job.locked;
    sheet.querySelector('[data-locked]').textContent = job.locked ?? '';
    sheet.querySelector('[data-sheet-back]').hidden = !job.engineer_id || isFixed;
    const details = sheet.querySelector('[data-details]');
    details.replaceChildren();
    if (job.panel_url) htmx.ajax('GET', job.panel_url, { target: details, swap: 'innerHTML' });
    if (!sheet.open) sheet.show();
    root.classList.add('has-sheet');
    (isFixed ? sheet.querySelector('[data-sheet-close]') : place.engineer).focus();
    if (!isFixed) board.askFits(job).then((fits) => opened === job.id && sheet.open && tellFits(job, fits));
  }

  // Times of day as a list: the same 24 hours everywhere, whatever the browser's own clock looks like.
  function fillStarts(select, chosen) {
    const times = new Set([chosen]);
    for (let minute = 0; minute < 1440; minute += model.snap_min) times.add(minute);
    select.replaceChildren(...[...times].sort((a, b) => a - b).map((minute) => new Option(clock(minute), minute)));
    select.value = chosen;
  }

  // The choice of engineer carries the verdict in words; the lanes show the same.
  function tellFits(job, fits) {
    for (const option of form.elements.engineer.options) {
      const fit = fits?.[option.value];
      if (!fit) continue;
      const verdict = fit.fit === 'fit' ? model.strings.fits : fit.reasons.join(', ');
      option.textContent = `${model.lanesById.get(option.value).name} – ${verdict}`;
    }
    drawing.light(job, fits);
  }

  function close() {
    sheet.close();
    drawing.focus(opened);
    opened = null;
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    delete form.dataset.sending;
    const target = {
      engineer_id: form.elements.engineer.value,
      day: form.elements.day.value,
      start_min: Number(form.elements.start.value),
      duration_min: Number(form.elements.duration.value),
    };
    const id = opened;
    close();
    board.save(id, target);
  });
}

// Ask about broken rules; resolves to the reason typed, or null when the move is given up.
export function askOverride(board, job, breaks) {
  const { root, model } = board;
  const dialog = root.querySelector('[data-override]');
  const form = dialog.querySelector('form');
  const mayOverride = breaks.every((one) => one.can_override);
  dialog.querySelector('[data-subject]').textContent = fill(model.strings.breaks_for, { number: job.number, customer: job.customer });
  dialog.querySelector('[data-breaks]').replaceChildren(...breaks.map((one) => make('li', one.can_override ? '' : 'is-firm', one.text)));
  dialog.querySelector('[data-firm]').hidden = mayOverride;
  dialog.querySelector('[data-reason-part]').hidden = !mayOverride;
  const go = dialog.querySelector('[data-go]');
  go.hidden = !mayOverride;
  form.elements.reason.value = '';
  form.elements.reason.required = mayOverride;
  return new Promise((resolve) => {
    const finish = (value) => {
      form.removeEventListener('submit', agree);
      dialog.removeEventListener('close', refuse);
      if (dialog.open) dialog.close();
      board.drawing.focus(job.id);
      resolve(value);
    };
    const agree = (event) => {
      event.preventDefault();
      delete form.dataset.sending;
      const reason = form.elements.reason.value.trim();
      if (mayOverride && !reason) form.elements.reason.focus();
      else if (mayOverride) finish(reason);
    };
    const refuse = () => finish(null);
    form.addEventListener('submit', agree);
    dialog.addEventListener('close', refuse);
    dialog.showModal();
    if (mayOverride) form.elements.reason.focus();
  });
}
