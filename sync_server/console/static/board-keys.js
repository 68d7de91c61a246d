// The board without a pointer. Arrows walk, Alt+arrows move, Alt+Shift+arrows resize, Delete puts back, Enter opens.
// Key repeats are gathered: one move is sent when the hand rests, Escape takes it back before that.
import { fill, span } from './board-model.js';

const REST_MS = 600;

export function enableKeys(board) {
  const { root, model, drawing } = board;
  let draft = null;
  let timer = 0;

  root.addEventListener('keydown', (event) => {
    const button = event.target.closest?.('.job');
    if (!button) return;
    const job = model.jobsById.get(button.dataset.job);
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === 'Escape' && draft) {
      event.stopPropagation();
      cancel();
    } else if (arrow && event.altKey) {
      event.preventDefault();
      nudge(job, arrow, event.shiftKey);
    } else if (arrow && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      walk(button, arrow);
    } else if ((event.key === 'Delete' || event.key === 'Backspace') && job.engineer_id) {
      event.preventDefault();
      if (mayMove(job)) board.save(job.id, { engineer_id: null });
    }
  });

  function mayMove(job) {
    if (model.is_read_only) return false;
    if (job.locked) board.alert(job.locked);
    return !job.locked;
  }

  function nudge(job, [dx, dy], resizes) {
    // On its way out of the tray it gets another id: what is pressed before the answer would be lost.
    if (!mayMove(job) || (board.queues.has(job.id) && !job.assignment_id)) return;
    if (!job.engineer_id) {
      board.say(fill(model.strings.press_enter, { number: job.number }));
      return;
    }
    if (draft?.id !== job.id) {
      if (draft) send();
      draft = { id: job.id, before: { ...job } };
    }
    const lane = job.engineer_id;
    if (resizes) {
      const longest = model.to_min - job.start_min;
      job.duration_min = Math.max(model.snap_min, Math.min(longest, job.duration_min + dx * model.snap_min));
    } else {
      job.start_min = model.clamp(job.start_min + dx * model.snap_min, job.duration_min);
      const at = model.lanes.findIndex((one) => one.engineer_id === lane) + dy;
      job.engineer_id = model.lanes[Math.max(0, Math.min(model.lanes.length - 1, at))].engineer_id;
    }
    job.pending = true;
    drawing.drawJob(job, [lane]);
    drawing.focus(job.id);
    board.isHeld = true;
    board.say(`${job.number} ${span(job)} ${model.lanesById.get(job.engineer_id).name}`);
    clearTimeout(timer);
    timer = setTimeout(send, REST_MS);
  }

  function take() {
    clearTimeout(timer);
    const taken = draft;
    draft = null;
    board.isHeld = false;
    return taken;
  }

  function send() {
    const taken = take();
    if (!taken) return;
    const job = model.jobsById.get(taken.id);
    const target = { engineer_id: job.engineer_id, start_min: job.start_min, duration_min: job.duration_min };
    const changed = Object.keys(target).some((name) => target[name] !== taken.before[name]);
    Object.assign(job, taken.before);
    delete job.pending;
    if (changed) board.save(taken.id, target);
    else drawing.drawJob(job);
    board.caughtUp();
  }

  function cancel() {
    const taken = take();
    const job = model.jobsById.get(taken.id);
    const lane = job.engineer_id;
    Object.assign(job, taken.before);
    delete job.pending;
    drawing.drawJob(job, [lane]);
    drawing.focus(job.id);
    board.say(fill(model.strings.dropped_nowhere, { number: job.number }));
    board.caughtUp();
  }

  root.addEventListener('focusout', (event) => {
    if (draft && event.target.dataset?.job === draft.id && event.relatedTarget) send();
  });

  // Arrows alone walk: along the lane, or to the nearest job of the next lane that has one.
  function walk(button, [dx, dy]) {
    const home = button.closest('.lane, [data-tray]');
    const isTray = home.matches('[data-tray]');
    const peers = [...home.querySelectorAll('.job')];
    const along = isTray ? dy : dx;
    if (along) {
      peers[peers.indexOf(button) + along]?.focus();
      if (!isTray || along) return;
    }
    const places = [root.querySelector('[data-tray]'), ...root.querySelectorAll('.lane')];
    const step = isTray ? 1 : dy;
    const x = button.getBoundingClientRect().left;
    for (let at = places.indexOf(home) + step; at >= 0 && at < places.length; at += step) {
      const jobs = [...places[at].querySelectorAll('.job')];
      if (!jobs.length) continue;
      const away = (one) => Math.abs(one.getBoundingClientRect().left - x);
      jobs.sort((a, b) => away(a) - away(b))[0].focus();
      return;
    }
  }
}
