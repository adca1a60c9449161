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
    { name: 'text', longest: 60 },
    { name: 'position', choices: POSITIONS },
    { name: 'sizePercent', min: 2, max: 20, step: 1, value: 6 },
    { name: 'opacityPercent', min: 10, max: 100, step: 1, value: 80 },
  ],
};

/**
 * The controls of an operation's options, a function that reads them, and one that gives the first
 * field whose value is out of bounds. Each field says so itself, as soon as it is.
 */
export function makeOptions(operation) {
  const controls = OPERATIONS[operation].map(makeControl);
  const read = () => Object.fromEntries(controls.map(({ name, read: value }) => [name, value()]));
  const findInvalid = () => controls.find(({ check }) => check?.() === false)?.field;
  return { elements: controls.map(({ element }) => element), read, findInvalid };
}

function makeControl(option) {
  if ('choices' in option) return makeChoice(option);
  return 'longest' in option ? makeText(option) : makeNumber(option);
}

/** A slider for the hand and a field for an exact value; each follows the other. */
function makeNumber({ name, min, max, step, value }) {
  const slider = make('input', { type: 'range', min, max, step, value, id: `option-${name}` });
  const field = make('input', { type: 'number', min, max, step, value });
  field.required = true;
  label(field, `option.${name}`);
  const problem = makeProblem(field, {
    isValid: () => field.validity.valid,
    key: 'error.range',
    parameters: { name: { key: `option.${name}` }, min, max, step },
  });
  slider.addEventListener('input', () => {
    field.value = slider.value;
    problem.check();
  });
  field.addEventListener('input', () => {
    if (problem.check()) slider.value = field.value;
  });
  const element = make('div', { class: 'option' }, captionOf(name), slider, field, problem.element);
  const read = () => (field.value === '' ? null : Number(field.value));
  return { name, element, field, check: problem.check, read };
}

function makeText({ name, longest }) {
  const value = translate(`option.${name}Value`);
  // Without maxLength: a longer text would be cut without a word.
  const field = make('input', { type: 'text', id: `option-${name}`, value });
  field.required = true;
  field.autocomplete = 'off';
  const problem = makeProblem(field, {
    isValid: () => field.value.trim() !== '' && field.value.trim().length <= longest,
    key: 'error.length',
    parameters: { name: { key: `option.${name}` }, longest },
  });
  field.addEventListener('input', problem.check);
  const element = make('div', { class: 'option' }, captionOf(name), field, problem.element);
  return { name, element, field, check: problem.check, read: () => field.value };
}

function makeChoice({ name, choices }) {
  const options = choices.map(choice => {
    const option = make('option', { value: choice });
    say(option, `position.${choice}`);
    return option;
  });
  const field = make('select', { id: `option-${name}` }, ...options);
  const element = make('div', { class: 'option' }, captionOf(name), field);
  return { name, element, field, read: () => field.value };
}

/** A line below a field that tells which values there are; empty while the value is one of them. */
function makeProblem(field, { isValid, key, parameters }) {
  const id = `problem-${parameters.name.key.replace('.', '-')}`;
  const element = make('p', { class: 'option-problem', id });
  element.setAttribute('aria-live', 'polite');
  field.setAttribute('aria-describedby', id);
  const check = () => {
    const isGood = isValid();
    field.setAttribute('aria-invalid', String(!isGood));
    if (isGood) say(element);
    else say(element, key, parameters);
    return isGood;
  };
  return { element, check };
}

function captionOf(name) {
  const caption = make('label', { for: `option-${name}` });
  say(caption, `option.${name}`);
  return caption;
}
