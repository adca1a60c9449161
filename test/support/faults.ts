import type {
  WxCloudEmulatorFault,
  WxCloudEmulatorFaultEffect,
  WxCloudEmulatorOperation,
} from '../../lib/emulator/index.js';

const API: readonly WxCloudEmulatorOperation[] = [
  'stable-token',
  'upload-link',
  'download-links',
  'delete-files',
];
const OBJECTS: readonly WxCloudEmulatorOperation[] = ['post-object', 'get-object', 'head-object'];
const KEYS: readonly WxCloudEmulatorOperation[] = ['cos-keys', 'encode-metaid'];
const PUTS: readonly WxCloudEmulatorOperation[] = ['put-object', 'upload-part'];
const PARTS: readonly WxCloudEmulatorOperation[] = [
  'initiate-multipart-upload',
  'complete-multipart-upload',
];
const BATCHES: readonly WxCloudEmulatorOperation[] = ['download-links', 'delete-files'];

const EVERYWHERE: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'status', status: 502, body: 'Bad Gateway' },
  { kind: 'status', status: 404, body: 'not here' },
  { kind: 'reset', at: 'request' },
  { kind: 'reset', at: 'answer' },
  { kind: 'hang', at: 'request' },
  { kind: 'hang', at: 'answer' },
  { kind: 'delay', delayMs: 30 },
  { kind: 'empty' },
];
const ON_API: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'errcode', errcode: -1 },
  { kind: 'errcode', errcode: 40001 },
  { kind: 'errcode', errcode: 42001 },
  { kind: 'errcode', errcode: 45009 },
  { kind: 'errcode', errcode: -501007 },
  { kind: 'malformed-json' },
  { kind: 'reset', at: 'answer', afterBytes: 10 },
];
const ON_OBJECTS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'cos-error', cosCode: 'SlowDown' },
  { kind: 'cos-error', cosCode: 'RequestTimeout' },
  { kind: 'cos-error', cosCode: 'SignatureDoesNotMatch' },
  { kind: 'cos-error', cosCode: 'AccessDenied', message: 'Request has expired' },
];
const ON_UPLOADS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'reset', at: 'request', afterBytes: 50_000 },
  { kind: 'malformed-json' },
];
const ON_DOWNLOADS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'reset', at: 'answer', afterBytes: 50_000 },
];
const ON_BATCHES: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'item', status: 1, errmsg: 'STORAGE_FILE_NONEXIST' },
  { kind: 'item', status: -503002, errmsg: 'no permission' },
];

/** The description of a fault, and the fault. */
export type FaultCase = readonly [string, WxCloudEmulatorFault];
type Effects = ReturnType<typeof pair>;

/** Faults of links, tokens and deletions, and of objects that are sent and read by links. */
export const FAULTS = casesOf([
  ...pair([...API, ...OBJECTS], EVERYWHERE),
  ...pair(API, ON_API),
  ...pair(OBJECTS, ON_OBJECTS),
  ...pair(['post-object'], ON_UPLOADS),
  ...pair(['get-object'], ON_DOWNLOADS),
  ...pair(BATCHES, ON_BATCHES),
]);
/** Faults of uploads with direct access to the bucket. */
export const BUCKET_FAULTS = casesOf([
  ...pair([...KEYS, ...PUTS, ...PARTS], EVERYWHERE),
  ...pair(KEYS, ON_API),
  ...pair([...PUTS, ...PARTS], ON_OBJECTS),
  ...pair(PUTS, [...ON_UPLOADS, { kind: 'wrong-etag' }]),
  ...pair(['encode-metaid'], [{ kind: 'short-list', count: 0 }]),
]);

/** Faults of the end of an upload in parts that has failed. */
export const ABORT_FAULTS = casesOf([
  ...pair(
    ['abort-multipart-upload'],
    [...EVERYWHERE, ...ON_OBJECTS, { kind: 'cos-error', cosCode: 'AccessDenied', status: 403 }],
  ),
]);
/** Faults of the deletion of an object in the bucket. */
export const DELETION_FAULTS = casesOf(pair(['delete-object'], [...EVERYWHERE, ...ON_OBJECTS]));

/** Makes each effect happen once, and for ever. */
function casesOf(effects: Effects): readonly FaultCase[] {
  return effects.flatMap(([operation, effect]) =>
    [1, Infinity].map(times => {
      const { kind, ...rest } = effect;
      const how = Object.values(rest).join(' ');
      return [
        `${operation}: ${kind} ${how}, ${times === 1 ? 'once' : 'for ever'}`,
        { operation, effect, times },
      ] as const;
    }),
  );
}

/** Pairs each operation with each effect. */
function pair(
  operations: readonly WxCloudEmulatorOperation[],
  effects: readonly WxCloudEmulatorFaultEffect[],
): (readonly [WxCloudEmulatorOperation, WxCloudEmulatorFaultEffect])[] {
  return operations.flatMap(operation => effects.map(effect => [operation, effect] as const));
}
