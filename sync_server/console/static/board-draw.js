// Draws lanes, tray, jobs, free slots and the line of now. Reads the model, changes only the document.
import { clock, fill, span } from './board-model.js';

export const make = (tag, css, text) => {
  const element = document.createElement(tag);
  if (css) element.className = css;
  if (text !== undefined) element.textContent = text;
  return element;
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

export class Drawing {
  constructor(root, model) {
    this.root = root;
    this.model = model;
    this.words = model.strings;
    this.lanes = root.querySelector('[data-lanes]');
    this.tray = root.querySelector('[data-tray]');
    this.buttons = new Map();
  }

  // Draws what differs from what is shown: an unchanged lane keeps its elements, focus and hover.
  all() {
    this.root.style.setProperty('--lanes', this.model.lanes.length);
    const frame = JSON.stringify([this.model.from_min, this.model.to_min, this.model.lanes]);
    if (frame !== this.frame) {
      this.frame = frame;
      this.shown = new Map();
      this.drawHours();
      this.lanes.replaceChildren(...this.model.lanes.map((lane) => this.makeLane(lane)));
    }
    for (const lane of this.model.lanes) this.drawLane(lane.engineer_id);
    this.drawTray();
    this.drawNow();
  }

  isShown(place, jobs) {
    const state = JSON.stringify(jobs);
    if (this.shown.get(place) === state) return true;
    this.shown.set(place, state);
    return false;
  }

  focus(jobId) {
    this.buttons.get(jobId)?.focus({ preventScroll: false });
  }

  drawHours() {
    const { from_min: from, to_min: to } = this.model;
    const hours = this.root.querySelector('[data-hours]');
    hours.replaceChildren();
    this.root.style.setProperty('--hours', (to - from) / 60);
    for (let minute = Math.ceil(from / 60) * 60; minute < to; minute += 60) {
      const mark = make('span', 'hour', clock(minute));
      mark.style.setProperty('--x', `${this.model.percent(minute)}%`);
      hours.append(mark);
    }
  }

  makeLane(lane) {
    const section = make('section', 'lane');
    section.dataset.lane = lane.engineer_id;
    const head = make('header', 'lane-head');
    const name = make('h3', 'lane-name', lane.name);
    name.id = `lane-${lane.engineer_id}`;
    section.setAttribute('aria-labelledby', name.id);
    const line = make('p', 'lane-note', lane.note ?? '');
    head.append(name, line, make('p', 'lane-load'));
    if (lane.contact) {
      const seen = make('span', `contact tone-${lane.contact.tone}`, lane.contact.label);
      seen.title = lane.contact.title ?? lane.contact.label;
      seen.prepend(icon(lane.contact.icon));
      head.append(seen);
    }
    const track = make('div', 'track');
    for (const [from, to] of lane.working) track.append(this.stretch('working-time', from, to));
    for (const gone of lane.absences ?? []) {
      const block = this.stretch('absence', gone.from_min, gone.to_min);
      block.append(make('span', '', gone.label));
      track.append(block);
    }
    track.append(make('ul', 'jobs'));
    section.append(head, track);
    return section;
  }

  stretch(css, from, to) {
    const block = make('div', css);
    block.style.setProperty('--x', `${this.model.percent(from)}%`);
    block.style.setProperty('--w', `${this.model.percent(to) - this.model.percent(from)}%`);
    return block;
  }

  laneOf(engineerId) {
    return this.lanes.querySelector(`[data-lane="${CSS.escape(engineerId)}"]`);
  }

  drawLane(engineerId) {
    const section = this.laneOf(engineerId);
    if (!section) return;
    const jobs = this.model.jobsOf(engineerId).filter((job) => this.model.isHere(job));
    const rows = this.model.pack(jobs);
    if (this.isShown(engineerId, jobs)) return;
    section.style.setProperty('--rows', rows);
    this.placeIn(section.querySelector('.jobs'), jobs, (job) => this.bar(job));
    const { used, room } = this.model.loadOf(this.model.lanesById.get(engineerId));
    const load = section.querySelector('.lane-load');
    const percent = room ? Math.round(used / room * 100) : 0;
    load.replaceChildren(make('span', 'meter'), make('span', '', room ? fill(this.words.load, { percent }) : this.words.off_duty));
    load.firstChild.hidden = !room;
    load.firstChild.classList.toggle('is-over', percent > 100);
    load.firstChild.style.setProperty('--w', `${Math.min(100, percent)}%`);
  }

  drawTray() {
    const wanted = (this.root.querySelector('[data-tray-search]')?.value ?? '').trim().toLowerCase();
    const jobs = this.model.unplaced();
    const shown = jobs.filter((job) => !wanted || `${job.number} ${job.customer} ${job.title} ${job.place}`.toLowerCase().includes(wanted));
    shown.sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
    if (this.isShown('', shown)) return;
    this.placeIn(this.tray.querySelector('ul'), shown, (job) => this.card(job));
    this.tray.querySelector('[data-count]').textContent = jobs.length;
    const empty = this.tray.querySelector('[data-empty]');
    empty.hidden = shown.length > 0;
    empty.textContent = jobs.length ? this.words.tray_no_match : this.words.tray_empty;
  }

  placeIn(list, jobs, draw) {
    const focused = document.activeElement?.dataset?.job;
    list.replaceChildren(...jobs.map(draw));
    if (focused && jobs.some((job) => job.id === focused)) this.focus(focused);
  }

  button(job, css) {
    const button = make('button', `job tone-${job.state.tone} ${css}`);
    button.type = 'button';
    button.dataset.job = job.id;
    button.dataset.version = job.version;
    button.setAttribute('aria-describedby', 'board-help');
    button.setAttribute('aria-haspopup', 'dialog');
    button.setAttribute('aria-label', this.sentence(job));
    button.title = this.sentence(job);
    button.classList.toggle('is-locked', Boolean(job.locked));
    button.classList.toggle('is-pending', Boolean(job.pending));
    button.classList.toggle('has-alert', Boolean(job.alert));
    this.buttons.set(job.id, button);
    return button;
  }

  // The whole job in words: what a screen reader says and what the pointer shows.
  sentence(job) {
    const lane = job.engineer_id && this.model.lanesById.get(job.engineer_id);
    const where = lane ? `${span(job)} ${lane.name}` : this.words.unassigned;
    return [job.number, job.customer, job.title, job.state.label, where, job.alert, job.locked, job.due?.label, job.parts?.label]
      .filter(Boolean).join(' · ');
  }

  bar(job) {
    const item = make('li', 'bar');
    const begin = this.model.percent(job.start_min);
    item.style.setProperty('--x', `${begin}%`);
    item.style.setProperty('--w', `${this.model.percent(job.start_min + job.duration_min) - begin}%`);
    item.style.setProperty('--row', job.row);
    if (job.travel_min) {
      const travel = make('span', 'travel');
      travel.style.setProperty('--t', `${job.travel_min / job.duration_min * 100}%`);
      item.append(travel);
    }
    const button = this.button(job, 'job-bar');
    const top = make('span', 'job-top');
    top.append(icon(job.state.icon), make('b', '', job.customer));
    const below = make('span', 'job-below');
    if (job.alert) below.append(icon('alert'));
    if (job.parts && job.parts.tone !== 'done') below.append(icon('part'));
    below.append(`${job.number} ${job.title}`);
    button.append(top, below);
    if (!job.locked) button.append(make('span', 'grip'));
    item.append(button);
    return item;
  }

  card(job) {
    const item = make('li', 'card-item');
    const button = this.button(job, 'job-card');
    button.classList.replace(`tone-${job.state.tone}`, `tone-${job.urgency?.tone ?? job.state.tone}`);
    const top = make('span', 'job-top');
    const state = make('span', `chip tone-${job.urgency?.tone ?? job.state.tone}`, job.urgency?.label ?? job.state.label);
    state.prepend(icon(job.urgency?.icon ?? job.state.icon));
    top.append(make('b', 'num', job.number), state);
    button.append(top, make('span', 'job-customer', job.customer), make('span', 'job-below', job.title));
    const foot = make('span', 'job-foot');
    if (job.due) {
      const due = make('span', `due tone-${job.due.tone}`, job.due.label);
      due.prepend(icon('clock'));
      foot.append(due);
    }
    if (job.place) foot.append(make('span', '', job.place));
    button.append(foot);
    item.append(button);
    return item;
  }

  drawJob(job, lanesBefore = []) {
    for (const id of new Set([...lanesBefore, job.engineer_id])) if (id) this.drawLane(id);
    this.drawTray();
  }

  drawNow() {
    const line = this.root.querySelector('[data-now]');
    const minute = this.model.now_min;
    line.hidden = minute === null || minute < this.model.from_min || minute > this.model.to_min;
    this.root.querySelector('.now-label')?.remove();
    if (line.hidden) return;
    line.style.setProperty('--x', this.model.percent(minute) / 100);
    const label = make('b', 'now-label', clock(minute));
    label.style.setProperty('--x', `${this.model.percent(minute)}%`);
    this.root.querySelector('[data-hours]').append(label);
  }

  // Free slots light up while a job is held; lanes that break a rule say why in words.
  light(job, fits) {
    this.dark();
    this.root.classList.add('is-holding');
    for (const lane of this.model.lanes) {
      const section = this.laneOf(lane.engineer_id);
      const fit = fits?.[lane.engineer_id];
      section.dataset.fit = fit?.fit ?? 'unknown';
      if (fit?.reasons?.length) section.querySelector('.lane-head').append(make('p', 'lane-reason', fit.reasons.join(' · ')));
      for (const [from, to] of this.model.freeSlots(lane, job.duration_min, job.id)) {
        section.querySelector('.track').append(this.stretch('slot', from, to));
      }
    }
  }

  dark() {
    this.root.classList.remove('is-holding');
    for (const element of this.root.querySelectorAll('.slot, .lane-reason')) element.remove();
    for (const section of this.root.querySelectorAll('.lane')) delete section.dataset.fit;
  }
}
