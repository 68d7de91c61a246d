// One event stream and its fate: open, lost, signed out. Used inside the shared worker, or in a page without one.
// Events carry kind and id only; a page fetches what it shows, so rights are judged there.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

export class LiveStream {
  constructor(after, tell) {
    this.last = after;
    this.tell = tell;
    this.wait = FIRST_WAIT_MS;
    this.state = 'opening';
    this.open();
  }

  open() {
    const source = new EventSource(`/console/events?after=${this.last}`);
    this.source = source;
    source.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.become('open');
    };
    source.addEventListener('change', (event) => {
      this.last = Number(event.lastEventId);
      this.tell({ change: JSON.parse(event.data), position: this.last });
    });
    source.addEventListener('signed-out', () => this.end());
    source.onerror = () => {
      this.become('lost');
      // A refused answer (proxy error, signed out) closes the source for good: we try again ourselves.
      if (source.readyState === EventSource.CLOSED) this.again();
    };
  }

  again() {
    this.source.close();
    setTimeout(async () => {
      if (this.state === 'ended') return;
      try {
        const answer = await fetch('/console/events/state');
        if (answer.status === 401) return this.end();
      } catch {
        // Not reachable: the next opening will say so too.
      }
      this.open();
    }, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.tell({ state });
  }

  end() {
    this.close();
    this.become('ended');
  }

  close() {
    this.source.close();
  }
}
