import { OptionsInvalidError } from '../errors/index.js';
import type { WxCloudStorageOptions } from './wx-cloud-storage-options.js';

/** The three ways of `forRootAsync`, as they were given. */
export interface OptionsSource {
  /** A function that makes the options. */
  readonly useFactory?: unknown;
  /** A class of which the module makes an instance. */
  readonly useClass?: unknown;
  /** The injection token of an instance that is there. */
  readonly useExisting?: unknown;
}

/** Makes the options from what Nest injects. */
export type MakeOptions = (
  ...injected: readonly unknown[]
) => WxCloudStorageOptions | Promise<WxCloudStorageOptions>;

/**
 * Gives the function that makes the options from what Nest injects: the arguments of `useFactory`,
 * or the instance of `useClass` or `useExisting`.
 * @throws {@link OptionsInvalidError} when the source cannot make options; the function does so
 * when its result is not an object
 */
export function optionsMaker({ useFactory, useClass, useExisting }: OptionsSource): MakeOptions {
  if (useFactory) return byFunction(useFactory);
  if (useExisting) return byMethod('useExisting', useExisting);
  if (useClass) return byMethod('useClass', useClass);
  throw new OptionsInvalidError({
    option: 'useFactory',
    expected: 'a function that returns the options, unless useClass or useExisting is given',
    remedy: 'Use forRoot for options that are known beforehand.',
  });
}

function byFunction(useFactory: unknown): MakeOptions {
  if (typeof useFactory !== 'function') {
    throw new OptionsInvalidError({
      option: 'useFactory',
      expected: 'a function that returns the options',
      remedy: 'Use forRoot for options that are known beforehand.',
    });
  }
  return async (...injected) => {
    const made: unknown = await useFactory(...injected);
    return assertObject(made, 'useFactory', 'a function that returns the options, but it');
  };
}

function byMethod(option: 'useClass' | 'useExisting', token: unknown): MakeOptions {
  const name = typeof token === 'function' ? token.name : String(token);
  if (option === 'useClass' && typeof token !== 'function') {
    throw new OptionsInvalidError({
      option,
      expected: 'a class with a method create()',
      remedy: 'Give the class itself, not an instance.',
    });
  }
  return async maker => {
    if (!hasCreate(maker)) {
      throw new OptionsInvalidError({
        option,
        expected: `a class with a method create(), which ${name} does not have`,
        remedy: `Let ${name} implement WxCloudStorageOptionsFactory: create() returns the options.`,
      });
    }
    const made: unknown = await maker.create();
    return assertObject(
      made,
      option,
      `a class whose create() returns the options: ${name}.create()`,
    );
  };
}

function hasCreate(maker: unknown): maker is { create: () => unknown } {
  const { create } = (maker ?? {}) as { create?: unknown };
  return typeof create === 'function';
}

/** Members are checked later; this is for results that were forgotten. */
function assertObject(made: unknown, option: string, expected: string): WxCloudStorageOptions {
  if (typeof made === 'object' && made !== null && !Array.isArray(made)) {
    return made as WxCloudStorageOptions;
  }
  const kind = Array.isArray(made) ? 'an array' : `a ${typeof made}`;
  throw new OptionsInvalidError({
    option,
    expected: `${expected} returned ${made === undefined || made === null ? 'nothing' : kind}`,
    remedy: 'Return an object with env and a way to authenticate.',
  });
}
