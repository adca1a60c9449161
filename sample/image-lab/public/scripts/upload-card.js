import { icon, make } from './dom.js';
import { formatBytes, formatTime } from './format.js';
import { label, say } from './i18n.js';

/** States of an upload in which nothing goes on any more. */
const ENDED = new Set(['stored', 'failed', 'cancelled']);

/** Failures after which another try can go better; a file of the wrong type, say, stays one. */
const REPEATABLE = new Set([
  'error.offline',
  'error.cloud',
  'error.cloudUnreachable',
  'error.form',
  'error.other',
  'error.full',
  'error.busy',
]);

/** A card that shows a file on its way: a preview, its legs, and the failure if there is one. */
export class UploadCard {
  #upload;
  #bars = {};
  #status = make('p', { class: 'upload-status' });
  #again;
  #end;
  #previewUrl;

  /** `onRetry` and `onDismiss` are called when the person wants that. */
  constructor(upload, { onRetry, onDismiss }) {
    this.#upload = upload;
    const { file } = upload;
    this.#again = this.#makeButton('retry', onRetry);
    label(this.#again, 'upload.again', { name: file.name });
    this.#end = this.#makeButton('close', () => {
      if (ENDED.has(upload.state)) onDismiss();
      else upload.cancel();
    });
    const title = make(
      'div',
      { class: 'card-title' },
      make(
        'div',
        {},
        make('h3', { title: file.name }, file.name),
        make('p', {}, formatBytes(file.size)),
      ),
      make('span', { class: 'upload-buttons' }, this.#again, this.#end),
    );
    this.element = make(
      'li',
      { class: 'card upload' },
      this.#makePreview(),
      this.#makeLegs(),
      title,
      this.#status,
    );
    this.show();
  }

  /** Shows the upload as it is now. */
  show() {
    const { state, failure, file, expiresAt } = this.#upload;
    this.element.dataset.state = state;
    for (const [name, { bar, percent, caption }] of Object.entries(this.#bars)) {
      bar.value = Math.floor(this.#upload[name] * 100);
      say(percent, 'upload.percent', { percent: bar.value });
      if (expiresAt === undefined) say(caption, this.#keyOf(name));
      else say(caption, 'leg.directUntil', { time: formatTime(expiresAt) });
    }
    if (state === 'failed') say(this.#status, failure.key, failure.parameters);
    else say(this.#status, `upload.${state}`);
    const canRepeat = state === 'failed' && REPEATABLE.has(failure.key);
    const hadFocus = document.activeElement === this.#again;
    this.#again.hidden = state !== 'cancelled' && !canRepeat;
    if (hadFocus && this.#again.hidden) this.#end.focus();
    label(this.#end, ENDED.has(state) ? 'upload.dismiss' : 'upload.cancel', { name: file.name });
  }

  /** Frees the memory of the preview; the element is not used any more. */
  release() {
    URL.revokeObjectURL(this.#previewUrl);
  }

  #makeButton(drawing, onClick) {
    const button = make('button', { type: 'button', class: 'icon-button' }, icon(drawing));
    button.addEventListener('click', onClick);
    return button;
  }

  /** The file itself, as the browser shows it; a drawing when it is no image. */
  #makePreview() {
    const frame = make('div', { class: 'thumbnail' });
    const picture = make('img', { alt: '', decoding: 'async' });
    picture.addEventListener('load', () => picture.classList.add('loaded'));
    picture.addEventListener('error', () => frame.replaceChildren(icon('file')));
    this.#previewUrl = URL.createObjectURL(this.#upload.file);
    picture.src = this.#previewUrl;
    frame.append(picture);
    return frame;
  }

  /** Two legs through the application, one straight to the cloud; each has a caption and a bar. */
  #makeLegs() {
    const names = this.#upload.isDirect ? ['cloud'] : ['application', 'cloud'];
    return make('div', { class: 'upload-legs' }, ...names.map(name => this.#makeLeg(name)));
  }

  #makeLeg(name) {
    const bar = make('progress', { max: 100, value: 0, 'data-leg': name });
    label(bar, `${this.#keyOf(name)}Progress`, { name: this.#upload.file.name });
    const caption = make('span');
    // The bar says the same to screen readers.
    const percent = make('span', { 'aria-hidden': 'true' });
    this.#bars[name] = { bar, percent, caption };
    const line = make('p', { class: 'upload-leg-line' }, caption, percent);
    return make('div', { class: 'upload-leg' }, line, bar);
  }

  #keyOf(name) {
    return this.#upload.isDirect ? 'leg.direct' : `leg.${name}`;
  }
}
