import { partsOf } from './dom.js';
import { label } from './i18n.js';
import { announce } from './toast.js';

const QUALITY = 0.92;

/** Images to begin with: drawings of this page, painted as files of the size given. */
const SAMPLES = {
  lake: { type: 'image/jpeg', name: 'lake.jpg', width: 1600, height: 1200 },
  lighthouse: { type: 'image/jpeg', name: 'lighthouse.jpg', width: 1080, height: 1620 },
  tea: { type: 'image/png', name: 'tea.png', width: 1000, height: 1000 },
};

/** Lets the empty gallery offer sample images, which are uploaded like any other file. */
export function startSamples(addFiles) {
  const { samples, allSamples } = partsOf(document.getElementById('gallery'));
  const buttons = [...samples.querySelectorAll('[data-sample]')];
  const upload = async chosen => {
    try {
      addFiles(await Promise.all(chosen.map(paint)));
    } catch {
      announce('error.sample');
    }
  };
  for (const button of buttons) {
    label(button, 'gallery.sample', { name: SAMPLES[button.dataset.sample].name });
    button.addEventListener('click', () => upload([button]));
  }
  allSamples.addEventListener('click', () => upload(buttons));
}

async function paint(button) {
  const { type, name, width, height } = SAMPLES[button.dataset.sample];
  const drawing = button.querySelector('img');
  await drawing.decode();
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').drawImage(drawing, 0, 0, width, height);
  const blob = await new Promise(resolve => canvas.toBlob(resolve, type, QUALITY));
  return new File([blob], name, { type });
}
