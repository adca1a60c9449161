import { make } from './dom.js';
import { formatTime } from './format.js';
import { label, say } from './i18n.js';

/** The legs of an upload, each with a caption and a bar: two through the application, one straight to the cloud. */
export class UploadLegs {
  #bars = {};
  #isDirect;

  constructor({ file, isDirect }) {
    this.#isDirect = isDirect;
    const names = isDirect ? ['cloud'] : ['application', 'cloud'];
    const legs = names.map(name => this.#makeLeg(name, file));
    this.element = make('div', { class: 'upload-legs' }, ...legs);
  }

  /** Shows how far the upload is, and until when its form is good. */
  show(upload) {
    for (const [name, { bar, percent, caption }] of Object.entries(this.#bars)) {
      bar.value = Math.floor(upload[name] * 100);
      say(percent, 'upload.percent', { percent: bar.value });
      const { expiresAt } = upload;
      if (expiresAt === undefined) say(caption, this.#keyOf(name));
      else say(caption, 'leg.directUntil', { time: formatTime(expiresAt) });
    }
  }

  #makeLeg(name, file) {
    const bar = make('progress', { max: 100, value: 0, 'data-leg': name });
    label(bar, `${this.#keyOf(name)}Progress`, { name: file.name });
    const caption = make('span');
    // The bar says the same to screen readers.
    const percent = make('span', { 'aria-hidden': 'true' });
    this.#bars[name] = { bar, percent, caption };
    const line = make('p', { class: 'upload-leg-line' }, caption, percent);
    return make('div', { class: 'upload-leg' }, line, bar);
  }

  #keyOf(name) {
    return this.#isDirect ? 'leg.direct' : `leg.${name}`;
  }
}
