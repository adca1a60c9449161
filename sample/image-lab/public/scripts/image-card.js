import { icon, make } from './dom.js';
import { fileIdLine } from './file-id.js';
import { formatBytes, formatDimensions } from './format.js';
import { label, say } from './i18n.js';

/**
 * A card of the gallery: thumbnail, name, size, file ID. `onOpen`, `onDelete` and `onSelect` are
 * called when the person asks for it; `renew` gives the thumbnail's link anew, null when the file
 * is gone.
 */
export class ImageCard {
  #image;
  #actions;
  #checkbox = make('input', { type: 'checkbox' });

  constructor(image, actions) {
    this.#image = image;
    this.#actions = actions;
    const { name } = image;
    const view = make('button', { type: 'button', class: 'thumbnail' }, this.#makePicture());
    // Hidden text and not a label: what is seen in a button has to be a part of its name.
    const verb = make('span', { class: 'visually-hidden' });
    say(verb, 'gallery.open', { name });
    view.append(verb);
    view.addEventListener('click', actions.onOpen);
    this.element = make(
      'li',
      { class: 'card image' },
      view,
      ...this.#makeMarks(),
      this.#makeTitle(),
    );
    this.element.append(fileIdLine(image));
  }

  /** True while the image is among those that are to be deleted together. */
  get isSelected() {
    return this.#checkbox.checked;
  }

  set isSelected(isSelected) {
    this.#checkbox.checked = isSelected;
    this.element.classList.toggle('selected', isSelected);
  }

  focus() {
    this.element.querySelector('button').focus();
  }

  #makeMarks() {
    const { name, operation } = this.#image;
    label(this.#checkbox, 'gallery.select', { name });
    this.#checkbox.addEventListener('change', () => {
      this.isSelected = this.#checkbox.checked;
      this.#actions.onSelect();
    });
    const select = make('label', { class: 'select' }, this.#checkbox);
    if (operation === undefined) return [select];
    const badge = make('span', { class: 'badge' });
    say(badge, `operation.${operation}`);
    return [select, badge];
  }

  #makeTitle() {
    const { name, size } = this.#image;
    const remove = make('button', { type: 'button', class: 'icon-button' }, icon('trash'));
    label(remove, 'gallery.delete', { name });
    remove.addEventListener('click', this.#actions.onDelete);
    const facts = make(
      'p',
      {},
      make('span', {}, formatDimensions(this.#image)),
      ' ',
      make('span', {}, formatBytes(size)),
    );
    const text = make('div', {}, make('h3', { title: name }, name), facts);
    return make('div', { class: 'card-title' }, text, remove);
  }

  #makePicture() {
    const { thumbnailUrl } = this.#image;
    if (thumbnailUrl === null) return missing();
    const picture = make('img', { alt: '', loading: 'lazy', decoding: 'async' });
    picture.addEventListener('load', () => picture.classList.add('loaded'));
    let isRenewed = false;
    picture.addEventListener('error', async () => {
      // Links expire while a page stays open: the second failure is final.
      const url = isRenewed ? null : await this.#actions.renew();
      isRenewed = true;
      if (url === null) picture.replaceWith(missing());
      else picture.src = url;
    });
    picture.src = thumbnailUrl;
    return picture;
  }
}

function missing() {
  const text = make('span', { class: 'missing' });
  say(text, 'gallery.missing');
  return text;
}
