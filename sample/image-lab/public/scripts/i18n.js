import { en } from './messages/en.js';
import { zh } from './messages/zh.js';

const MESSAGES = { en, 'zh-CN': zh };
const REMEMBERED = 'image-lab:language';

let language = 'en';
const listeners = [];

/** Calls back when the language of the page has changed, for texts that are made of several. */
export function onLanguage(listener) {
  listeners.push(listener);
}

/** True when there is a text with a key: one that a server names can be new to this page. */
export function hasText(key) {
  return Object.hasOwn(MESSAGES[language], key);
}

/**
 * A text in the language of the page. `{name}` stands for a parameter, which can itself be a text
 * with a key.
 */
export function translate(key, parameters = {}) {
  return MESSAGES[language][key].replace(/\{(\w+)\}/g, (_, name) => {
    const value = parameters[name];
    return typeof value === 'object' ? translate(value.key, value.parameters) : String(value);
  });
}

/** Gives an element a text that follows the language; no key empties it. */
export function say(element, key, parameters = {}) {
  if (key === undefined) {
    delete element.dataset.text;
    element.textContent = '';
    return;
  }
  element.dataset.text = key;
  element.dataset.parameters = JSON.stringify(parameters);
  render(element);
}

/** Gives an element an accessible name that follows the language. */
export function label(element, key, parameters = {}) {
  element.dataset.label = key;
  element.dataset.parameters = JSON.stringify(parameters);
  render(element);
}

/** Sets the language chosen earlier, or else the browser's, and lets the buttons change it. */
export function startLanguages() {
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => {
      remember(button.dataset.language);
      use(button.dataset.language);
    });
  }
  use(recall() ?? preferred());
}

function preferred() {
  const known = navigator.languages.find(name => /^(zh|en)\b/i.test(name)) ?? 'en';
  return /^zh/i.test(known) ? 'zh-CN' : 'en';
}

function use(name) {
  language = name;
  document.documentElement.lang = name;
  document.title = translate('documentTitle');
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === name));
  }
  for (const element of document.querySelectorAll('[data-text], [data-label]')) render(element);
  for (const listener of listeners) listener();
}

function render(element) {
  const { text, label: name, parameters = '{}' } = element.dataset;
  const values = JSON.parse(parameters);
  if (text !== undefined) element.textContent = translate(text, values);
  if (name === undefined) return;
  element.setAttribute('aria-label', translate(name, values));
  if (element.matches('.icon-button')) element.title = translate(name, values);
}

/** Storage can be switched off in the browser; then the choice lasts as long as the page. */
function recall() {
  try {
    const name = localStorage.getItem(REMEMBERED);
    return name !== null && Object.hasOwn(MESSAGES, name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function remember(name) {
  try {
    localStorage.setItem(REMEMBERED, name);
  } catch {
    // Nothing to do: see above.
  }
}
