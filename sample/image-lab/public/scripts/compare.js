import { make, partsOf } from './dom.js';
import { fileIdLine } from './file-id.js';
import { formatBytes, formatDimensions } from './format.js';
import { say } from './i18n.js';

/** Before and after in one frame, with a slider that uncovers more of the one or the other. */
export class Compare {
  #parts;

  constructor(region) {
    this.#parts = partsOf(region);
    const { slider } = this.#parts;
    slider.addEventListener('input', () => this.#split());
    // A finger that scrolls the page across the image has not dragged the divider.
    let { value } = slider;
    slider.addEventListener('pointerdown', () => ({ value } = slider));
    slider.addEventListener('pointercancel', () => {
      slider.value = value;
      this.#split();
    });
  }

  /** Shows an image alone, as nothing was made of it yet. */
  showBefore(image) {
    this.#fill('before', image);
    this.#parts.beforePicture.replaceChildren(makePicture(image));
    this.showState('operation.placeholder');
  }

  /** Takes the result away, and says why there is none. */
  showState(key, { isBusy = false } = {}) {
    const { afterPicture, after, slider, state, frame } = this.#parts;
    afterPicture.replaceChildren();
    after.replaceChildren();
    slider.disabled = true;
    slider.value = 100;
    this.#split();
    frame.classList.toggle('busy', isBusy);
    frame.classList.remove('compared');
    say(state, key);
  }

  /** Shows a result over the image that it was made of. */
  showAfter(image) {
    const { afterPicture, slider, state, frame } = this.#parts;
    this.#fill('after', image);
    afterPicture.replaceChildren(makePicture(image));
    slider.disabled = false;
    slider.value = 50;
    this.#split();
    frame.classList.remove('busy');
    frame.classList.add('compared');
    say(state);
  }

  #split() {
    const { frame, slider } = this.#parts;
    frame.style.setProperty('--split', `${slider.value}%`);
    slider.ariaValueText = `${slider.value}%`;
  }

  #fill(name, image) {
    const caption = make('strong');
    say(caption, `operation.${name}`);
    const facts = `${formatDimensions(image)} · ${formatBytes(image.size)}`;
    this.#parts[name].replaceChildren(
      make('p', { class: 'compare-facts' }, caption, make('span', {}, facts)),
      make('p', { class: 'compare-name' }, image.name),
      fileIdLine(image),
    );
  }
}

function makePicture({ url, name, width, height }) {
  const picture = make('img', { class: 'picture', alt: name, width, height });
  if (url !== null) picture.src = url;
  return picture;
}
