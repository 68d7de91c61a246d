// Dragging with mouse, pen and finger: bars along and between lanes, cards out of the tray, right edge resizes.
import { clock, fill, span } from './board-model.js';
import { make } from './board-draw.js';

const THRESHOLD_PX = 5;
const EDGE_PX = 48;

export function enableDrag(board) {
  const { root, model, drawing } = board;
  let swallow = false;

  root.addEventListener('click', (event) => {
    if (swallow && event.target.closest('.job')) {
      event.stopPropagation();
      event.preventDefault();
    }
    swallow = false;
  }, true);

  root.addEventListener('pointerdown', (event) => {
    swallow = false;
    const button = event.target.closest('.job');
    if (!button || event.button || model.is_read_only) return;
    const job = model.jobsById.get(button.dataset.job);
    const resizes = event.target.closest('.grip') !== null;
    const hold = { job, button, resizes, x: event.clientX, y: event.clientY, target: null, moved: false };
    const box = button.getBoundingClientRect();
    hold.grabX = job.engineer_id ? event.clientX - box.left : 12;
    button.setPointerCapture(event.pointerId);
    // From the press on, not from the first move: a fetch that ended between the two would draw the bar anew.
    board.isHeld = true;

    // Listens on the document: the answer to an earlier move may draw this lane anew, and the button with it.
    const own = (act) => (ev) => {
      if (ev.pointerId === event.pointerId) act(ev);
    };
    const move = own((ev) => {
      if (!hold.moved) {
        if (Math.hypot(ev.clientX - hold.x, ev.clientY - hold.y) < THRESHOLD_PX) return;
        if (job.locked) {
          end(ev);
          swallow = true;
          board.alert(job.locked);
          return;
        }
        start(hold);
      }
      follow(hold, ev);
    });
    const end = own((ev) => {
      document.removeEventListener('pointermove', move);
      document.removeEventListener('pointerup', end);
      document.removeEventListener('pointercancel', end);
      document.removeEventListener('keydown', escape, true);
      board.isHeld = false;
      if (hold.moved) {
        swallow = true;
        drop(hold, ev.type === 'pointerup');
      }
      board.caughtUp();
    });
    const escape = (ev) => {
      if (ev.key !== 'Escape' || !hold.moved) return;
      ev.stopPropagation();
      end({ type: 'pointercancel', pointerId: event.pointerId });
    };
    document.addEventListener('pointermove', move);
    document.addEventListener('pointerup', end);
    document.addEventListener('pointercancel', end);
    document.addEventListener('keydown', escape, true);
  });

  function start(hold) {
    hold.moved = true;
    hold.button.classList.add('is-lifted');
    hold.ghost = make('div', `ghost tone-${hold.job.state.tone}`);
    if (!hold.resizes) {
      hold.image = make('div', `drag-image tone-${hold.job.state.tone}`);
      hold.image.append(make('b', '', hold.job.customer), make('span', '', hold.job.number));
      root.append(hold.image);
      drawing.light(hold.job, board.fits.get(hold.job.id));
      board.askFits(hold.job).then((fits) => {
        if (board.isHeld) drawing.light(hold.job, fits);
      });
    }
  }

  function follow(hold, ev) {
    if (hold.resizes) {
      const track = drawing.laneOf(hold.job.engineer_id).querySelector('.track').getBoundingClientRect();
      const minute = model.snap(model.from_min + (ev.clientX - track.left) / track.width * model.span);
      const duration = Math.max(model.snap_min, Math.min(model.to_min, minute) - hold.job.start_min);
      hold.target = { engineer_id: hold.job.engineer_id, start_min: hold.job.start_min, duration_min: duration };
      show(hold);
      return;
    }
    hold.image.style.transform = `translate(${ev.clientX + 10}px, ${ev.clientY + 8}px)`;
    scrollAtEdge(ev);
    const under = document.elementFromPoint(ev.clientX, ev.clientY);
    const lane = under?.closest('.lane');
    if (lane) {
      const track = lane.querySelector('.track').getBoundingClientRect();
      const minute = model.from_min + (ev.clientX - hold.grabX - track.left) / track.width * model.span;
      const duration = hold.job.duration_min;
      hold.target = { engineer_id: lane.dataset.lane, start_min: model.clamp(minute, duration), duration_min: duration };
    } else {
      hold.target = under?.closest('[data-tray]') && hold.job.engineer_id ? { engineer_id: null } : null;
    }
    show(hold);
  }

  function show(hold) {
    const { target, ghost } = hold;
    root.querySelector('[data-tray]').classList.toggle('is-target', target?.engineer_id === null);
    if (!target?.engineer_id) {
      ghost.remove();
      if (hold.image) hold.image.lastChild.textContent = target ? model.strings.back_to_tray : hold.job.number;
      return;
    }
    ghost.style.setProperty('--x', `${model.percent(target.start_min)}%`);
    ghost.style.setProperty('--w', `${target.duration_min / model.span * 100}%`);
    ghost.textContent = span(target);
    drawing.laneOf(target.engineer_id).querySelector('.track').append(ghost);
    if (hold.image) hold.image.lastChild.textContent = `${clock(target.start_min)} ${model.lanesById.get(target.engineer_id).name}`;
  }

  function scrollAtEdge(ev) {
    const view = root.querySelector('[data-scroll]');
    const box = view.getBoundingClientRect();
    const inside = ev.clientY > box.top && ev.clientY < box.bottom;
    if (inside && ev.clientX > box.right - EDGE_PX) view.scrollLeft += 18;
    if (inside && ev.clientX < box.left + EDGE_PX && ev.clientX > box.left) view.scrollLeft -= 18;
    if (ev.clientY > Math.min(box.bottom, innerHeight) - EDGE_PX) view.scrollTop += 14;
    if (inside && ev.clientY < box.top + EDGE_PX) view.scrollTop -= 14;
  }

  function drop(hold, isReal) {
    hold.ghost.remove();
    hold.image?.remove();
    hold.button.classList.remove('is-lifted');
    root.querySelector('[data-tray]').classList.remove('is-target');
    drawing.dark();
    if (isReal && hold.target) board.save(hold.job.id, hold.target);
    else if (!isReal) board.say(fill(model.strings.dropped_nowhere, { number: hold.job.number }));
  }
}
