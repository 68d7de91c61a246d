// Counts the seconds of a one-time code down by the browser's monotonic clock: a wrong wall clock does not matter.
for (const element of document.querySelectorAll('[data-countdown]')) {
  const end = performance.now() + Number(element.dataset.countdown) * 1000;
  const draw = () => {
    const left = Math.max(0, Math.round((end - performance.now()) / 1000));
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    element.textContent = left ? element.dataset.running.replace('{time}', time) : element.dataset.over;
    if (left) return;
    clearInterval(timer);
    document.getElementById('code')?.classList.add('nothing');
  };
  const timer = setInterval(draw, 1000);
  draw();
}
