import { OptionsInvalidError } from '../../errors/errors.js';
import { MAX_AGE_RANGE } from '../../options/resolve-options.js';
import { readMembers } from '../../options/validation.js';
import type { WxCloudDownloadUrlOptions } from '../../storage/call-options.js';
import type { WxCloudHttpRequest } from '../application-registry.js';
import { assertPathOptions } from '../cloud-path-option.js';
import { assertStorageName, REPLACED_REPLY_OPTIONS } from '../option-checks.js';

/** What is known of an answer when its path is decided. */
export interface WxCloudOutgoingFile {
  /**
   * A random ID that was made for this answer alone. A path that holds it is unique, so that the
   * object is deleted when the request fails.
   */
  readonly uuid: string;
  /** The name that the handler gave; never sent to the storage. */
  readonly fileName: string | undefined;
  /** The type it is stored with. */
  readonly contentType: string;
  /**
   * The extension of the handler's name, else the usual one of the type that its first bytes show;
   * without the dot.
   */
  readonly extension: string | undefined;
  /** How many bytes it has. */
  readonly size: number;
}

/**
 * Decides the whole cloud path of an answer; it is validated. The request may be typed as that of
 * the adapter in use.
 */
export type WxCloudReplyPathFactory = {
  /** A method's parameters may be narrowed, here to Express' or Fastify's own request. */
  decide(file: WxCloudOutgoingFile, request: WxCloudHttpRequest): string | Promise<string>;
}['decide'];

/** What becomes of a handler's bytes. */
export interface WxCloudReplyOptions {
  /**
   * Put in front of the generated `yyyy/mm/dd/<uuid>.<extension>`, e.g. `processed/`; or a function
   * that returns the whole path. @defaultValue no prefix
   */
  readonly path?: string | WxCloudReplyPathFactory | undefined;
  /**
   * Vouches that the function `path` never returns the path of another file, where it does not use
   * `file.uuid`: only then is the object deleted when the request fails. Elsewhere it is left alone
   * and reported to `onOrphan`.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * Responses of up to so many bytes are sent as they are, with their type. `wx.cloud.callContainer`
   * takes answers of up to 1000 KiB. @defaultValue none: all are stored
   */
  readonly whenOverBytes?: number | undefined;
  /**
   * True when the answer has a temporary link too, for whoever has no file IDs.
   * @defaultValue false
   */
  readonly url?: boolean | Pick<WxCloudDownloadUrlOptions, 'maxAgeSeconds'> | undefined;
  /** The name of the instance to store with. @defaultValue the default instance */
  readonly storage?: string | undefined;
}

/** What a handler's bytes are answered as. */
export interface WxCloudReply {
  /** `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The object's path. */
  readonly cloudPath: string;
  /** The number of bytes that were stored. */
  readonly size: number;
  /** The type they were stored with. */
  readonly contentType: string;
  /** A temporary link, when the option asks for it. */
  readonly url?: string;
}

const REPLY_OPTIONS: readonly (keyof WxCloudReplyOptions)[] = [
  'path',
  'uniquePath',
  'whenOverBytes',
  'url',
  'storage',
];

/**
 * Checks the options of the interceptor that stores answers.
 * @throws {@link OptionsInvalidError}
 */
export function assertReplyOptions(options: unknown): void {
  const names = { names: REPLY_OPTIONS, replacements: REPLACED_REPLY_OPTIONS };
  const given = readMembers('options', options, names);
  assertPathOptions(given as WxCloudReplyOptions);
  assertWhenOverBytes(given['whenOverBytes']);
  assertUrl(given['url']);
  assertStorageName(given['storage']);
}

function assertWhenOverBytes(value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) return;
  throw new OptionsInvalidError({
    option: 'whenOverBytes',
    expected: 'a whole number of bytes from 0',
    remedy: 'Leave it out to store every answer.',
  });
}

function assertUrl(value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  if (typeof value !== 'object' || value === null) {
    throw new OptionsInvalidError({
      option: 'url',
      expected: 'true, false, or { maxAgeSeconds }',
      remedy: 'Leave it out for no link.',
    });
  }
  const { maxAgeSeconds } = readMembers('url', value, { prefix: 'url.', names: ['maxAgeSeconds'] });
  const { min, max } = MAX_AGE_RANGE;
  const isRight = Number.isInteger(maxAgeSeconds) && Number(maxAgeSeconds) >= min;
  if (maxAgeSeconds === undefined || (isRight && Number(maxAgeSeconds) <= max)) return;
  throw new OptionsInvalidError({
    option: 'url.maxAgeSeconds',
    expected: `a whole number of seconds from ${min} to ${max}`,
    remedy: 'Leave it out for the default.',
  });
}
