import { quoteText } from '../errors/client-text.js';
import type { WxCloudStorageError } from '../errors/errors.js';
import { formInvalid } from './form-errors.js';

/** The text fields of a form as an object, in the notation of multer. */
export type FormFields = Record<string, unknown>;

/** One step in the path to a value. */
interface Step {
  /** A name, or an index. */
  readonly key: string;
  /**
   * True when it is written as an index. Its holder is a list as long as all its keys are indices.
   */
  readonly isIndex: boolean;
}

/** Keys that would leave the body, through its prototype. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const FIRST_KEY = /^[^[]+/;
const FURTHER_KEY = /\[([^\]]+)\]/y;

/** Maximum gap before an index that takes memory; V8 stores a list with a larger one as a table. */
const LARGEST_GAP = 1_024;

/**
 * Puts a text field into the body at the path in its name: `a`, `a[]`, `a[0]`, `a[b][c]`. A
 * repeated name makes a list. Objects have no prototype. Returns the number of entries that its
 * indices leave empty in lists.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` for a forbidden name
 */
export function appendField(body: FormFields, name: string, value: string): number {
  const { steps, isList } = parseFieldPath(name);
  if (steps.some(({ key }) => FORBIDDEN_KEYS.has(key))) throw unacceptable(name);
  let holder = body;
  let emptyPlaces = 0;
  for (const [index, { key }] of steps.entries()) {
    const next = steps[index + 1];
    emptyPlaces += gapBefore(holder, key);
    if (next === undefined) putValue(holder, key, value, isList);
    else holder = openHolder(holder, key, next.isIndex);
  }
  return emptyPlaces;
}

/** Number of entries between the end of a list and the index. */
function gapBefore(holder: FormFields, key: string): number {
  if (!Array.isArray(holder)) return 0;
  const gap = Number(key) - holder.length;
  return gap > 0 ? Math.min(gap, LARGEST_GAP) : 0;
}

/** Nesting depth of a name, as multer counts it. */
export function nestingDepth(name: string): number {
  return name.split('[').length - 1;
}

/** The largest index in a name; 0 when it has none. */
export function largestIndex(name: string): number {
  const indices = parseFieldPath(name).steps.filter(({ isIndex }) => isIndex);
  return Math.max(0, ...indices.map(({ key }) => Number(key)));
}

/** Removes the gaps that indices have left in lists. Values keep the order of their indices. */
export function closeGaps(body: FormFields): void {
  // Not recursive, as the depth limit is configurable.
  const pending: unknown[] = [body];
  for (let holder = pending.pop(); holder !== undefined; holder = pending.pop()) {
    const values: unknown[] = Object.values(holder as object);
    if (Array.isArray(holder)) {
      holder.length = 0;
      for (const value of values) holder.push(value);
    }
    for (const value of values) if (typeof value === 'object') pending.push(value);
  }
}

/**
 * Parses a field name. There is at least one step; `isList` says that the name ends in `[]`, which
 * makes a list even of one value. A name outside the notation is one key.
 */
function parseFieldPath(name: string): {
  readonly steps: readonly Step[];
  readonly isList: boolean;
} {
  const first = FIRST_KEY.exec(name)?.[0];
  const literal = { steps: [{ key: name, isIndex: false }], isList: false };
  if (first === undefined || first === name) return literal;
  const isList = name.endsWith('[]');
  const end = isList ? name.length - 2 : name.length;
  const steps: Step[] = [{ key: first, isIndex: false }];
  let position = first.length;
  while (position < end) {
    FURTHER_KEY.lastIndex = position;
    const key = FURTHER_KEY.exec(name)?.[1];
    if (key === undefined) return literal;
    const isIndex = /^\d+$/.test(key);
    steps.push({ key: isIndex ? String(Number(key)) : key, isIndex });
    position = FURTHER_KEY.lastIndex;
  }
  return { steps, isList: isList && position === end };
}

function putValue(holder: FormFields, key: string, value: string, isList: boolean): void {
  const known = holder[key];
  if (known === undefined) holder[key] = isList ? [value] : value;
  else if (Array.isArray(known)) pushValue(known, value);
  else if (isHolder(known)) putValue(known, '', value, false);
  else holder[key] = [known, value];
}

/** Appends a value. A list with the largest possible index cannot grow. */
function pushValue(list: unknown[], value: string): void {
  if (list.length === 2 ** 32 - 1) throw formInvalid('a list in it has no place for another value');
  list.push(value);
}

/** Returns the holder under a key. An existing value stays, if necessary under another key. */
function openHolder(holder: FormFields, key: string, isForIndex: boolean): FormFields {
  const known = holder[key];
  // A list only takes an index; an object takes any key.
  if (isHolder(known) && (isForIndex || !Array.isArray(known))) return known;
  const opened = (known === undefined && isForIndex ? [] : Object.create(null)) as FormFields;
  if (Array.isArray(known)) Object.assign(opened, known);
  else if (known !== undefined) opened[''] = known;
  holder[key] = opened;
  return opened;
}

function isHolder(value: unknown): value is FormFields {
  return typeof value === 'object' && value !== null;
}

function unacceptable(name: string): WxCloudStorageError {
  return formInvalid(`the field name ${quoteText(name)} is not acceptable`);
}
