import type { WxCloudEmulator, WxCloudEmulatorFault } from '../../lib/emulator/index.js';
import type { WxCloudStorageOptions } from '../../lib/index.js';
import { callCos, type CosKeys } from '../e2e/emulator/support/cos-signer.js';

/** Size of a part of an upload to the bucket, in bytes: the smallest that is allowed. */
export const PART_BYTES = 1_048_576;

/** A way that the bytes of a file take to the cloud. */
export interface Way {
  readonly name: string;
  /** The options that turn it on, over those of the emulator. */
  options(emulator: WxCloudEmulator): Partial<WxCloudStorageOptions>;
  /** The operations that store a file. */
  readonly storing: readonly WxCloudEmulatorFault['operation'][];
  /** The operation that decides the file ID, before any byte is sent. */
  readonly naming: WxCloudEmulatorFault['operation'];
  /** The operation that deletes one file. */
  readonly deleting: WxCloudEmulatorFault['operation'];
  /** A fault of every deletion, for ever, that is not transient. */
  readonly undeletable: WxCloudEmulatorFault;
  /** Size of a file that is sent, or written to the disk, before its last byte has arrived. */
  readonly largeBytes: number;
  /** Counts the multipart uploads that were neither completed nor aborted. */
  countUnfinished(emulator: WxCloudEmulator): Promise<number>;
}

const BY_LINK = {
  storing: ['post-object'],
  naming: 'upload-link',
  deleting: 'delete-files',
  undeletable: {
    operation: 'delete-files',
    effect: { kind: 'item', status: -503002, errmsg: 'no permission' },
    times: Infinity,
  },
  largeBytes: 400_000,
  countUnfinished: async () => 0,
} satisfies Partial<Way>;

/** The default: by links, while the file arrives. */
export const SENT_AHEAD: Way = { name: 'links', options: () => ({}), ...BY_LINK };

/** By links, after the file has arrived. */
export const KEPT: Way = {
  name: 'links without upload.sendAhead',
  options: () => ({ upload: { sendAhead: false } }),
  ...BY_LINK,
};

/** Directly to the bucket, in a container. */
export const BUCKET: Way = {
  name: 'the option cos',
  options: ({ bucket, cosEndpoint: endpoint, sidecarUrl }) =>
    ({
      appid: undefined,
      secret: undefined,
      auth: { type: 'open-api-service' },
      apiBaseUrl: sidecarUrl,
      cos: { bucket, endpoint, partBytes: PART_BYTES },
    }) as Partial<WxCloudStorageOptions>,
  storing: ['put-object', 'complete-multipart-upload'],
  naming: 'encode-metaid',
  deleting: 'delete-object',
  undeletable: {
    operation: 'delete-object',
    effect: { kind: 'cos-error', cosCode: 'MethodNotAllowed', status: 405 },
    times: Infinity,
  },
  largeBytes: PART_BYTES + 300_000,
  countUnfinished: async emulator => (await listUnfinishedUploads(emulator)).length,
};

/** All of them. */
export const WAYS: readonly Way[] = [SENT_AHEAD, KEPT, BUCKET];

/**
 * Lists the paths of the multipart uploads in the bucket, by a request of its own: with fresh keys,
 * unless some are given.
 */
export async function listUnfinishedUploads(
  emulator: WxCloudEmulator,
  keys?: CosKeys,
): Promise<string[]> {
  const given = keys === undefined ? {} : { keys };
  const { status, text } = await callCos(emulator, { query: { uploads: '' }, ...given });
  if (status !== 200) throw new Error(`The uploads cannot be listed: ${status} ${text}`);
  return [...text.matchAll(/<Upload>\s*<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key);
}
