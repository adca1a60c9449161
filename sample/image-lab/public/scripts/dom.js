/** Makes an element with properties (`class`, `data-…`, `aria-…` as attributes) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'class' || name === 'for') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** The parts of a region by their `data-part`. */
export function partsOf(region) {
  const parts = {};
  for (const element of region.querySelectorAll('[data-part]')) {
    parts[element.dataset.part] = element;
  }
  return parts;
}

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = {
  copy: 'M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3',
  done: 'm4.5 10.5 4 4 7-8.5',
  trash: 'M4 6h12M8 6V4h4v2M5.5 6l.8 10h7.4l.8-10M8.5 9v4M11.5 9v4',
  close: 'm5 5 10 10M15 5 5 15',
  retry: 'M15.5 10a5.5 5.5 0 1 1-1.8-4.1M15.5 3.5v3h-3',
  file: 'M5.5 2.5h6l3 3v12h-9zM11.5 2.5v3h3',
  warning: 'M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.2v.3',
};

/** A small drawing; it says nothing to screen readers, so its button needs a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}
