import { OptionsInvalidError } from '../../errors/errors.js';
import { MAX_AGE_RANGE } from '../../options/resolve-options.js';
import { readMembers } from '../../options/validation.js';
import type { WxCloudDownloadUrlOptions } from '../../storage/call-options.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import { assertPathOptions } from '../cloud-path-option.js';
import { REPLACED_REPLY_OPTIONS } from '../option-checks.js';
import { assertStorageOption, type WxCloudStorageOption } from '../storage-option.js';

/** The facts about a response when its path is chosen. */
export interface WxCloudOutgoingFile {
  /**
   * A random ID that is generated for this response. A path that contains it is unique, so the
   * object is deleted when the request fails.
   */
  readonly uuid: string;
  /** The name that the handler gave; never sent to the storage. */
  readonly fileName: string | undefined;
  /** The type it is stored with. */
  readonly contentType: string;
  /**
   * The extension of the handler's name, else the usual one of the type that the first bytes show;
   * without the dot.
   */
  readonly extension: string | undefined;
  /** The size in bytes. */
  readonly size: number;
}

/**
 * Chooses the whole cloud path of a response; the path is validated. The request may be typed as
 * that of the adapter in use.
 */
export type WxCloudReplyPathFactory = {
  /** A method, as its parameters may be narrowed, here to Express' or Fastify's own request. */
  decide(file: WxCloudOutgoingFile, request: WxCloudHttpRequest): string | Promise<string>;
}['decide'];

/** Options of `WxCloudReplyInterceptor`. */
export interface WxCloudReplyOptions {
  /**
   * A prefix of the generated `yyyy/mm/dd/<uuid>.<extension>`, e.g. `processed/`, or a function
   * that returns the whole path.
   * @defaultValue no prefix
   */
  readonly path?: string | WxCloudReplyPathFactory | undefined;
  /**
   * Guarantees that the function `path` never returns the path of another file, even where it does
   * not use `file.uuid`. Only then is the object deleted when the request fails. Otherwise it is
   * left in place and reported to `onOrphan`.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * The size up to which responses are sent directly, with their type, instead of being stored.
   * `wx.cloud.callContainer` accepts responses of up to 1000 KiB.
   * @defaultValue none: all are stored
   */
  readonly whenOverBytes?: number | undefined;
  /**
   * True when the response also has a temporary link, for clients that cannot use file IDs.
   * @defaultValue false
   */
  readonly url?: boolean | Pick<WxCloudDownloadUrlOptions, 'maxAgeSeconds'> | undefined;
  /**
   * The instance that stores the files: its name, or a function of the request, which is asked
   * before the handler runs.
   * @defaultValue the default instance
   */
  readonly storage?: WxCloudStorageOption | undefined;
}

/** The response that replaces a handler's bytes. */
export interface WxCloudReply {
  /** The file ID: `cloud://env.bucket/path`. */
  readonly fileId: string;
  /** The path of the object. */
  readonly cloudPath: string;
  /** The number of bytes stored. */
  readonly size: number;
  /** The type that the bytes were stored with. */
  readonly contentType: string;
  /** A temporary link, if the option `url` is set. */
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
 * Checks the options of the interceptor.
 * @throws {@link OptionsInvalidError}
 */
export function assertReplyOptions(options: unknown): void {
  const names = { names: REPLY_OPTIONS, replacements: REPLACED_REPLY_OPTIONS };
  const given = readMembers('options', options, names);
  assertPathOptions(given as WxCloudReplyOptions);
  assertWhenOverBytes(given['whenOverBytes']);
  assertUrl(given['url']);
  assertStorageOption(given['storage']);
}

function assertWhenOverBytes(value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) return;
  throw new OptionsInvalidError({
    option: 'whenOverBytes',
    expected: 'a whole number of bytes from 0',
    remedy: 'Leave it out to store every response.',
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
