import { ImageError } from '../image-error.js';
import { POSITIONS, type Operation, type OperationName } from './operation.js';
import { OptionsReader, readObject } from './options-reader.js';

const READERS: Readonly<Record<OperationName, (options: OptionsReader) => Operation>> = {
  grayscale: () => ({ name: 'grayscale' }),
  blur: options => ({ name: 'blur', sigma: options.number('sigma', { min: 0.5, max: 40 }) }),
  resize: options => ({
    name: 'resize',
    longestSide: options.wholeNumber('longestSide', { min: 16, max: 4_096 }),
  }),
  rotate: options => ({
    name: 'rotate',
    degrees: options.wholeNumber('degrees', { min: -180, max: 180 }),
  }),
  watermark: options => ({
    name: 'watermark',
    text: options.line('text', 60),
    position: options.oneOf('position', POSITIONS),
    sizePercent: options.wholeNumber('sizePercent', { min: 2, max: 20 }),
    opacityPercent: options.wholeNumber('opacityPercent', { min: 10, max: 100 }),
  }),
};

/**
 * Reads the operation of a request: all options are required, unknown ones are refused. A pipe
 * reads the `fileId`.
 * @throws {ImageError} `OPERATION_INVALID`; the message names the member
 */
export function readOperation(body: unknown): Operation {
  const { fileId: _, operation, options = {}, ...unknown } = readObject('The body', body);
  assertNothingElse(unknown);
  const reader = new OptionsReader(readObject('options', options));
  const read = readerOf(operation)(reader);
  reader.assertAllRead();
  return read;
}

function readerOf(name: unknown): (options: OptionsReader) => Operation {
  if (typeof name === 'string' && Object.hasOwn(READERS, name)) {
    return READERS[name as OperationName];
  }
  throw new ImageError(
    'OPERATION_INVALID',
    `operation has to be one of ${Object.keys(READERS).join(', ')}.`,
  );
}

function assertNothingElse(members: object): void {
  const [name] = Object.keys(members);
  if (name === undefined) return;
  throw new ImageError('OPERATION_INVALID', `There is no ${name.slice(0, 80)}: leave it out.`);
}
