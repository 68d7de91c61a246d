// The dispatch board: takes its data from the page, sends moves, follows other people's changes.
// Wall-clock minutes of the shown day go both ways; the server turns them into instants.
import { Model, fill, span } from './board-model.js';
import { Drawing } from './board-draw.js';
import { enableDrag } from './board-drag.js';
import { enableKeys } from './board-keys.js';
import { askOverride, enableSheet } from './board-dialog.js';

const MINUTE_MS = 60000;
const token = document.querySelector('meta[name="csrf-token"]')?.content ?? '';

class Board {
  constructor(root) {
    this.root = root;
    this.model = new Model(JSON.parse(root.querySelector('[data-board-data]').textContent));
    this.drawing = new Drawing(root, this.model);
    this.fits = new Map();
    this.queues = new Map();
    this.isHeld = false;
    this.isBehind = false;
    this.drawing.all();
    enableDrag(this);
    enableKeys(this);
    enableSheet(this);
    this.follow();
    root.dataset.ready = '1';
  }

  follow() {
    const kinds = new Set(this.model.live_kinds);
    document.addEventListener('live:change', ({ detail }) => {
      if (detail.kind === '*' || kinds.has(detail.kind)) this.refreshSoon();
    });
    if (this.model.now_min !== null) {
      setInterval(() => {
        this.model.now_min += 1;
        this.drawing.drawNow();
      }, MINUTE_MS);
    }
    this.root.querySelector('[data-tray-search]').addEventListener('input', () => this.drawing.drawTray());
    this.root.querySelector('[data-lane-search]').addEventListener('input', ({ target }) => this.narrow(target.value));
  }

  narrow(text) {
    const wanted = text.trim().toLowerCase();
    for (const lane of this.model.lanes) {
      const words = `${lane.name} ${lane.note ?? ''} ${(lane.keywords ?? []).join(' ')}`.toLowerCase();
      this.drawing.laneOf(lane.engineer_id).hidden = Boolean(wanted) && !words.includes(wanted);
    }
  }

  refreshSoon() {
    this.isBehind = true;
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => this.caughtUp(), 60);
  }

  // Fetch the day anew, but never under somebody's hand and never over a move on its way. One fetch at a time:
  // of two answers under way the older could come last.
  async caughtUp() {
    if (!this.isBehind || this.isCatchingUp || this.isHeld || this.queues.size) return;
    this.isBehind = false;
    this.isCatchingUp = true;
    const data = await this.fetchDay();
    this.isCatchingUp = false;
    if (!data || this.isHeld || this.queues.size) {
      this.isBehind = true;
      return;
    }
    this.fits.clear();
    this.model.take({ ...this.model, ...data });
    this.drawing.all();
    this.narrow(this.root.querySelector('[data-lane-search]').value);
    if (this.isBehind) this.refreshSoon();
  }

  async fetchDay() {
    try {
      const answer = await fetch(this.model.urls.data, { headers: { Accept: 'application/json' } });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  async askFits(job) {
    if (!this.model.urls.fits) return null;
    if (!this.fits.has(job.id)) {
      try {
        const url = `${this.model.urls.fits}?ticket_id=${encodeURIComponent(job.ticket_id)}&day=${this.model.day}`;
        const answer = await fetch(url, { headers: { Accept: 'application/json' } });
        if (answer.ok) this.fits.set(job.id, (await answer.json()).engineers);
      } catch {
        return null;
      }
    }
    return this.fits.get(job.id) ?? null;
  }

  // Moves of one job go one after the other, so that each knows the version the one before it made.
  save(jobId, target) {
    const before = this.queues.get(jobId) ?? Promise.resolve();
    const mine = before.then(() => this.send(jobId, target)).finally(() => {
      if (this.queues.get(jobId) !== mine) return;
      this.queues.delete(jobId);
      this.caughtUp();
    });
    this.queues.set(jobId, mine);
    return mine;
  }

  async send(jobId, target, overrideReason = null) {
    const job = this.model.jobsById.get(jobId);
    if (!job) return;
    const before = { ...job };
    delete before.pending;
    Object.assign(job, target, { pending: true });
    if ((target.day ?? this.model.day) !== this.model.day) job.engineer_id = before.engineer_id;
    this.drawing.drawJob(job, [before.engineer_id]);
    const body = {
      ticket_id: before.ticket_id, assignment_id: before.assignment_id, version: before.version,
      engineer_id: target.engineer_id, day: target.day ?? this.model.day,
      start_min: target.start_min ?? null, duration_min: target.duration_min ?? before.duration_min,
      override_reason: overrideReason,
    };
    const answer = await this.post(body);
    const now = answer.body?.job ?? before;
    // A ticket out of the tray comes back as an assignment: its bar may carry another id.
    this.model.jobsById.delete(jobId);
    this.fits.delete(jobId);
    if (now.day === undefined || now.day === this.model.day || !now.engineer_id) this.model.put(now);
    this.drawing.drawJob(now, [before.engineer_id, target.engineer_id]);
    await this.judge(answer, now, target);
  }

  async post(body) {
    try {
      const answer = await fetch(this.model.urls.move, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRF-Token': token },
        body: JSON.stringify(body),
      });
      const type = answer.headers.get('Content-Type') ?? '';
      return { status: answer.status, body: type.includes('json') ? await answer.json() : null };
    } catch {
      return { status: 0, body: null };
    }
  }

  async judge(answer, job, target) {
    const words = this.model.strings;
    this.root.dataset.lastAnswer = `${job.id}:${answer.status}`;
    if (answer.status === 200) {
      const lane = this.model.lanesById.get(job.engineer_id);
      const place = lane ? { number: job.number, span: span(job), name: lane.name, day: job.day ?? '' } : job;
      const elsewhere = job.day !== undefined && job.day !== this.model.day && job.engineer_id;
      this.say(fill(!lane ? words.is_unassigned : elsewhere ? words.is_other_day : words.is_placed, place));
      this.clearAlert();
      this.drawing.focus(job.id);
    } else if (answer.status === 422 && answer.body?.breaks) {
      const reason = await askOverride(this, job, answer.body.breaks);
      if (reason) await this.send(job.id, target, reason);
      else this.say(fill(words.dropped_nowhere, job));
    } else {
      const unknown = answer.status === 0 ? words.no_connection : words.not_moved;
      this.alert(answer.body?.text ?? fill(unknown, job));
    }
  }

  say(text) {
    this.root.querySelector('[data-said]').textContent = text;
  }

  alert(text) {
    const box = this.root.querySelector('[data-alert]');
    box.querySelector('[data-alert-text]').textContent = text;
    box.hidden = false;
  }

  clearAlert() {
    this.root.querySelector('[data-alert]').hidden = true;
  }
}

const root = document.querySelector('[data-board]');
if (root) {
  const board = new Board(root);
  root.querySelector('[data-alert-close]').addEventListener('click', () => board.clearAlert());
}
