// The board's facts and sums: minutes of a day, rows of overlapping jobs, free slots. No document, no network.

export class Model {
  constructor(data) {
    this.take(data);
  }

  take(data) {
    Object.assign(this, data);
    this.span = data.to_min - data.from_min;
    this.jobsById = new Map(data.jobs.map((job) => [job.id, job]));
    this.lanesById = new Map(data.lanes.map((lane) => [lane.engineer_id, lane]));
  }

  put(job) {
    this.jobsById.set(job.id, job);
  }

  jobsOf(engineerId) {
    const found = [...this.jobsById.values()].filter((job) => job.engineer_id === engineerId);
    return found.sort((a, b) => (a.start_min ?? 0) - (b.start_min ?? 0) || a.id.localeCompare(b.id));
  }

  unplaced() {
    return [...this.jobsById.values()].filter((job) => !job.engineer_id);
  }

  isHere(job) {
    return job.engineer_id !== null && job.start_min < this.to_min && job.start_min + job.duration_min > this.from_min;
  }

  snap(minutes) {
    return Math.round(minutes / this.snap_min) * this.snap_min;
  }

  clamp(start, duration) {
    return Math.max(this.from_min, Math.min(this.to_min - duration, this.snap(start)));
  }

  percent(minutes) {
    return (Math.max(this.from_min, Math.min(this.to_min, minutes)) - this.from_min) / this.span * 100;
  }

  // Overlapping jobs get rows of their own; returns the number of rows.
  pack(jobs) {
    const ends = [];
    for (const job of jobs) {
      const start = job.start_min - (job.travel_min ?? 0);
      let row = ends.findIndex((end) => end <= start);
      if (row < 0) row = ends.length;
      ends[row] = job.start_min + job.duration_min;
      job.row = row;
    }
    return Math.max(1, ends.length);
  }

  // Stretches inside working hours, not past, in which a job of this length fits beside the others.
  freeSlots(lane, duration, exceptId) {
    const taken = this.jobsOf(lane.engineer_id)
      .filter((job) => job.id !== exceptId)
      .map((job) => [job.start_min - (job.travel_min ?? 0), job.start_min + job.duration_min])
      .concat((lane.absences ?? []).map((gone) => [gone.from_min, gone.to_min]))
      .sort((a, b) => a[0] - b[0]);
    const slots = [];
    for (const [from, to] of lane.working) {
      let start = Math.max(from, this.earliest());
      for (const [begin, end] of taken) {
        if (begin - start >= duration && begin <= to) slots.push([start, Math.min(begin, to)]);
        start = Math.max(start, end);
      }
      if (to - start >= duration) slots.push([start, to]);
    }
    return slots.filter(([from, to]) => to - from >= duration);
  }

  earliest() {
    if (this.is_past) return this.to_min;
    return this.now_min === null ? this.from_min : Math.ceil(this.now_min / this.snap_min) * this.snap_min;
  }

  loadOf(lane) {
    const room = lane.working.reduce((sum, [from, to]) => sum + to - from, 0);
    const used = this.jobsOf(lane.engineer_id).reduce((sum, job) => sum + job.duration_min + (job.travel_min ?? 0), 0);
    return { used, room };
  }
}

export function clock(minutes) {
  const day = ((minutes % 1440) + 1440) % 1440;
  return `${String(Math.floor(day / 60)).padStart(2, '0')}:${String(day % 60).padStart(2, '0')}`;
}

export function span(job) {
  return `${clock(job.start_min)}–${clock(job.start_min + job.duration_min)}`;
}

export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
