import { make } from './dom.js';
import { label, say, translate } from './i18n.js';

const POSITIONS = ['southeast', 'southwest', 'northeast', 'northwest', 'centre'];

/** The operations and their options, with the bounds that the server holds them to. */
export const OPERATIONS = {
  grayscale: [],
  blur: [{ name: 'sigma', min: 0.5, max: 40, step: 0.5, value: 8 }],
  resize: [{ name: 'longestSide', min: 16, max: 4096, step: 1, value: 480 }],
  rotate: [{ name: 'degrees', min: -180, max: 180, step: 1, value: 90 }],
  watermark: [
    { name: 'text', maxLength: 60 },
    { name: 'position', choices: POSITIONS },
    { name: 'sizePercent', min: 2, max: 20, step: 1, value: 6 },
    { name: 'opacityPercent', min: 10, max: 100, step: 1, value: 80 },
  ],
};

/**
 * The controls of an operation's options, a function that reads them, and one that gives the first value that is out of
 * bounds, as a message.
 */
export function makeOptions(operation) {
  const controls = OPERATIONS[operation].map(makeControl);
  const read = () => Object.fromEntries(controls.map(({ name, read: value }) => [name, value()]));
  const findProblem = () => controls.map(({ check }) => check?.()).find(Boolean);
  return { elements: controls.map(({ element }) => element), read, findProblem };
}

function makeControl(option) {
  if ('choices' in option) return makeChoice(option);
  return 'maxLength' in option ? makeText(option) : makeNumber(option);
}

/** A slider for the hand and a field for an exact value; each follows the other. */
function makeNumber({ name, min, max, step, value }) {
  const slider = make('input', { type: 'range', min, max, step, value, id: `option-${name}` });
  const field = make('input', { type: 'number', min, max, step, value });
  field.required = true;
  label(field, `option.${name}`);
  slider.addEventListener('input', () => (field.value = slider.value));
  field.addEventListener('input', () => {
    if (field.validity.valid) slider.value = field.value;
  });
  const element = make('div', { class: 'option' }, captionOf(name), slider, field);
  const check = () => {
    field.setAttribute('aria-invalid', String(!field.validity.valid));
    if (field.validity.valid) return undefined;
    const parameters = { name: { key: `option.${name}` }, min, max, step };
    return { key: 'error.range', parameters, field };
  };
  return { name, element, check, read: () => (field.value === '' ? null : Number(field.value)) };
}

function makeText({ name, maxLength }) {
  const value = translate(`option.${name}Value`);
  const field = make('input', { type: 'text', id: `option-${name}`, maxLength, value });
  field.required = true;
  field.autocomplete = 'off';
  const element = make('div', { class: 'option' }, captionOf(name), field);
  return { name, element, read: () => field.value };
}

function makeChoice({ name, choices }) {
  const options = choices.map(choice => {
    const option = make('option', { value: choice });
    say(option, `position.${choice}`);
    return option;
  });
  const field = make('select', { id: `option-${name}` }, ...options);
  const element = make('div', { class: 'option' }, captionOf(name), field);
  return { name, element, read: () => field.value };
}

function captionOf(name) {
  const caption = make('label', { for: `option-${name}` });
  say(caption, `option.${name}`);
  return caption;
}
