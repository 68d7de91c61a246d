// No live search while an input method composes: half a pinyin syllable is not a word.
addEventListener('input', (event) => {
  if (event.isComposing) event.stopImmediatePropagation();
}, true);
addEventListener('compositionend', (event) => {
  event.target.dispatchEvent(new InputEvent('input', { bubbles: true }));
}, true);
