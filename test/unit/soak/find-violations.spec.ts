import { describe, expect, it } from '@jest/globals';
import {
  findReplicaViolations,
  findViolations,
  type ReplicaSoakRecord,
  type SoakRecord,
} from '../../../soak/checks/find-violations.mjs';

const KEPT = {
  id: 'c0-1',
  fileId: 'cloud://e.b/kept',
  sha256: 'aa',
  contentType: 'image/png',
  fate: 'kept',
} as const;
const STORED = { fileId: KEPT.fileId, sha256: 'aa', contentType: 'image/png', isAlive: true };
const ORPHAN = { fileId: 'cloud://e.b/orphan', reportedAtMs: 20_000 };
const LEFT = { ...STORED, fileId: ORPHAN.fileId };
/** Two requests at one path, of which one has failed. */
const TWICE = {
  path: 'shared/c0-7',
  requests: ['c0-8', 'c0-9'],
  contents: ['cc', 'dd'],
  answered: [{ id: 'c0-9', fileId: 'cloud://e.b/shared/c0-7', contentType: 'image/png' }],
} as const;
const SHARED = { ...STORED, fileId: 'cloud://e.b/shared/c0-7', sha256: 'cc' };
const TWICE_REPORTED = { fileId: SHARED.fileId, reportedAtMs: 20_000 };

/** The record of a soak in which all went well, with an orphan that a fault explains. */
const GOOD: SoakRecord = {
  adapter: 'express',
  faultShare: 0.1,
  requests: { upload: { 201: 1, 502: 1, left: 1 }, throwing: { 500: 1 } },
  expected: { upload: [201, 502, 'left'], throwing: [500] },
  examples: {},
  mismatches: [],
  promised: [
    { id: KEPT.id, fileId: KEPT.fileId },
    { id: 'c0-9', fileId: SHARED.fileId },
  ],
  kept: [KEPT],
  shared: [TWICE],
  freezes: { count: 1, forms: 4 },
  objects: [STORED, LEFT, SHARED],
  unfinishedUploads: ['cloud://e.b/excused'],
  orphans: [ORPHAN, TWICE_REPORTED],
  faults: {
    injected: { reset: 2 },
    tookEffect: { reset: 2 },
    hitFileIds: [ORPHAN.fileId],
    askedFileIds: [ORPHAN.fileId],
    commonFaultsAtMs: [],
    expiriesAtMs: [],
  },
  isIdle: true,
  hasClosed: true,
  openStreams: 0,
  connections: 0,
  temporary: { names: 0, openHandles: 0 },
  handles: { atStart: { PipeWrap: 1 }, atEnd: { PipeWrap: 1 } },
  memory: {
    afterWarmUp: { heapUsed: 1_000, external: 100 },
    atEnd: { heapUsed: 1_050, external: 100 },
  },
  incidents: [],
  texts: [
    'GET /tcb/uploadfile failed',
    `'Parts of a failed upload to "excused" remain in the bucket, as …'`,
  ],
  secrets: ['a-secret-of-the-cloud'],
  errorOutput: '',
  exitCode: 0,
};
const { faults, memory } = GOOD;
/** Faults that have kept the deletion of the orphan from being sent. */
const NOT_ASKED = { ...faults, hitFileIds: [], askedFileIds: [] };
/** Another shared path, with which all is well. */
const ELSEWHERE = { ...SHARED, fileId: 'cloud://e.b/shared/c0-1' };
const ANSWERED_ELSEWHERE = {
  ...TWICE,
  path: 'shared/c0-1',
  answered: [{ id: 'c0-2', fileId: ELSEWHERE.fileId, contentType: 'image/png' }],
};

/** A record that is wrong in one respect, and the sentence that reports it. */
const DOCTORED: readonly (readonly [string, Partial<SoakRecord>, RegExp])[] = [
  ['a kept file is missing', { objects: [LEFT, SHARED] }, /kept and is not in the cloud/],
  [
    'a kept file has other bytes',
    { objects: [{ ...STORED, sha256: 'bb' }, LEFT, SHARED] },
    /another content/,
  ],
  [
    'a kept file has another type',
    { objects: [{ ...STORED, contentType: 'text/html' }, LEFT, SHARED] },
    /stored as text\/html/,
  ],
  [
    'a kept file has a dead file ID',
    { objects: [{ ...STORED, isAlive: false }, LEFT, SHARED] },
    /dead file ID/,
  ],
  [
    'a file is half deleted and has other bytes',
    { kept: [{ ...KEPT, fate: 'deleting' }], objects: [{ ...STORED, sha256: 'bb' }, LEFT, SHARED] },
    /another content/,
  ],
  ['a deleted file is still there', { kept: [{ ...KEPT, fate: 'deleted' }] }, /still in the cloud/],
  [
    'a client was promised what the application did not complete',
    { promised: [...GOOD.promised, { id: 'c0-2', fileId: 'cloud://e.b/other' }] },
    /did not complete/,
  ],
  [
    'an object has no owner',
    { objects: [STORED, LEFT, SHARED, { ...STORED, fileId: 'cloud://e.b/stray' }] },
    /stray is left in the cloud/,
  ],
  [
    'an orphan has no excuse',
    { faults: { ...faults, hitFileIds: [] } },
    /no fault kept it from being removed/,
  ],
  [
    'an orphan has a fault long before as its excuse',
    { faults: { ...NOT_ASKED, commonFaultsAtMs: [5_000, 20_001] } },
    /no fault kept it from being removed/,
  ],
  [
    'an orphan has a fault of a call as its excuse that its deletion no longer needed',
    { faults: { ...faults, hitFileIds: [], commonFaultsAtMs: [15_000] } },
    /no fault kept it from being removed/,
  ],
  [
    'a kept file is reported as an orphan',
    {
      orphans: [ORPHAN, TWICE_REPORTED, { ...ORPHAN, fileId: KEPT.fileId }],
      faults: { ...faults, hitFileIds: [ORPHAN.fileId, KEPT.fileId] },
    },
    /kept and reported as an orphan/,
  ],
  [
    'what was answered at a shared path is missing',
    { objects: [STORED, LEFT] },
    /shared\/c0-7 of request c0-9 was kept and is not in the cloud/,
  ],
  [
    'a shared path has bytes that nobody sent',
    { objects: [STORED, LEFT, { ...SHARED, sha256: 'ee' }] },
    /a content that nobody sent/,
  ],
  [
    'a shared path has another type',
    { objects: [STORED, LEFT, { ...SHARED, contentType: 'text/html' }] },
    /stored as text\/html, not as image\/png/,
  ],
  [
    'a shared path is a dead file ID',
    { objects: [STORED, LEFT, { ...SHARED, isAlive: false }] },
    /dead file ID/,
  ],
  [
    'a shared path is reported although its request was answered',
    { orphans: [ORPHAN, TWICE_REPORTED, TWICE_REPORTED] },
    /reported as an orphan 2 times, and 1 of its requests failed/,
  ],
  [
    'nobody is told of what is left at a shared path',
    {
      promised: [{ id: KEPT.id, fileId: KEPT.fileId }],
      shared: [{ ...TWICE, answered: [] }, ANSWERED_ELSEWHERE],
      objects: [STORED, LEFT, SHARED, ELSEWHERE],
      orphans: [ORPHAN],
    },
    /shared\/c0-7 is left in the cloud/,
  ],
  [
    'a client was promised a shared path by a request that failed',
    { promised: [...GOOD.promised, { id: 'c0-8', fileId: SHARED.fileId }] },
    /promised to request c0-8, which the application did not complete/,
  ],
  [
    'an upload is answered with a 500',
    { requests: { ...GOOD.requests, upload: { 201: 1, 500: 2 } } },
    /"upload" ended with 500, 2 times/,
  ],
  [
    'a request hangs',
    { requests: { ...GOOD.requests, throwing: { hung: 1 } } },
    /"throwing" ended with hung/,
  ],
  [
    'a download has other bytes',
    { mismatches: [{ id: 'c0-3', fileId: KEPT.fileId }] },
    /was given another content/,
  ],
  [
    'a temporary file is left',
    { temporary: { names: 1, openHandles: 0 } },
    /1 temporary files are/,
  ],
  [
    'a temporary file without a name is open',
    { temporary: { names: 0, openHandles: 2 } },
    /2 temporary files without a name/,
  ],
  [
    'a multipart upload is left',
    { unfinishedUploads: ['cloud://e.b/in-parts'] },
    /in-parts is neither completed nor aborted, and nobody was told/,
  ],
  [
    'the warning of a multipart upload names another one',
    { unfinishedUploads: ['cloud://e.b/cused'] },
    /cused is neither completed nor aborted/,
  ],
  ['a connection is open', { connections: 1 }, /1 connections to the cloud/],
  [
    'a handle is left',
    { handles: { atStart: { PipeWrap: 1 }, atEnd: { PipeWrap: 1, Timeout: 3 } } },
    /"Timeout": 0 at the start, 3 at the end/,
  ],
  ['the application does not close', { hasClosed: false }, /did not close while clients held on/],
  ['a stream is open', { openStreams: 90 }, /90 HTTP\/2 streams are still open/],
  ['work goes on for ever', { isIdle: false }, /did not become idle/],
  [
    'buffers are kept',
    { memory: { ...memory, atEnd: { heapUsed: 1_000, external: 300 } } },
    /heap and buffers grew/,
  ],
  ['a rejection is unhandled', { incidents: ['unhandled rejection: x'] }, /unhandled rejection/],
  [
    'a secret is logged',
    { texts: [...GOOD.texts, 'the token was a-secret-of-the-cloud.'] },
    /a secret was shown/,
  ],
  ['the application writes errors', { errorOutput: 'oh no' }, /wrote errors: oh no/],
  ['the application ends by a signal', { exitCode: 'SIGKILL' }, /ended with SIGKILL/],
  ['nothing was stored', { promised: [] }, /no file was stored at all/],
  [
    'nothing was stored twice',
    {
      shared: [],
      promised: [{ id: KEPT.id, fileId: KEPT.fileId }],
      objects: [STORED, LEFT],
      orphans: [ORPHAN],
    },
    /no path was stored at twice/,
  ],
  [
    'nothing was frozen',
    { freezes: { count: 1, forms: 0 } },
    /not frozen with a form half received/,
  ],
  [
    'no fault was injected',
    { faults: { ...faults, injected: {}, tookEffect: {} } },
    /no fault was injected/,
  ],
  [
    'a fault took no effect',
    { faults: { ...faults, tookEffect: { reset: 1 } } },
    /of 2 faults "reset", 1 took effect/,
  ],
];

describe('findViolations', () => {
  it('finds nothing wrong with a record in which all went well', () => {
    expect(findViolations(GOOD)).toEqual([]);
  });

  it.each([
    ['whose deletion did not arrive', NOT_ASKED],
    ['whose token had expired', { ...faults, hitFileIds: [], expiriesAtMs: [14_000] }],
  ])('excuses an orphan %s by a fault of a call that every deletion needs', (_, given) => {
    const common = { ...given, commonFaultsAtMs: [15_000] };
    expect(findViolations({ ...GOOD, faults: common })).toEqual([]);
  });

  it('accepts either state of a file whose deletion failed', () => {
    const kept = [{ ...KEPT, fate: 'deleting' as const }];
    expect(findViolations({ ...GOOD, kept })).toEqual([]);
    expect(findViolations({ ...GOOD, kept, objects: [LEFT, SHARED] })).toEqual([]);
  });

  it.each(DOCTORED)('notices that %s', (_, change, sentence) => {
    expect(findViolations({ ...GOOD, ...change })).toEqual([expect.stringMatching(sentence)]);
  });

  it('notices a heap that grows', () => {
    const atEnd = { heapUsed: 1_200, external: 100 };
    expect(findViolations({ ...GOOD, memory: { ...memory, atEnd } })).toEqual([
      expect.stringMatching(/^heap grew from 1000/),
      expect.stringMatching(/^heap and buffers grew/),
    ]);
  });
});

const PERHAPS = { ...STORED, fileId: 'cloud://e.b/perhaps' };
const WATCH = { id: 'w1', end: 'stored', outcome: 201, isExcused: false };

/** The record of a soak of replicas in which all went well; what was reported has been swept. */
const GOOD_REPLICAS: ReplicaSoakRecord = {
  ...GOOD,
  adapter: 'replicas',
  requests: { upload: { 201: 1, killed: 2 } },
  expected: { upload: [201, 'killed'] },
  promised: [{ id: KEPT.id, fileId: KEPT.fileId }],
  shared: [],
  objects: [STORED, PERHAPS],
  unfinishedUploads: [],
  orphans: [ORPHAN],
  perhaps: [PERHAPS.fileId, 'cloud://e.b/not-stored'],
  pending: { atStart: 3, left: 0 },
  deeds: { kill: 2, restartRedis: 1, sweep: 1 },
  watches: [
    WATCH,
    { ...WATCH, end: 'failed', outcome: 409 },
    { ...WATCH, end: 'open', outcome: 503 },
    { ...WATCH, end: 'cut', isExcused: true },
    { ...WATCH, end: 'stored', outcome: 'killed', isExcused: true },
  ],
  exitCodes: [0, 0],
};

const DOCTORED_REPLICAS: readonly (readonly [string, Partial<ReplicaSoakRecord>, RegExp])[] = [
  ['nothing was stored', { promised: [] }, /no file was stored at all/],
  [
    'no replica was killed',
    { deeds: { ...GOOD_REPLICAS.deeds, kill: 0 } },
    /no replica was killed/,
  ],
  [
    'Redis went on',
    { deeds: { ...GOOD_REPLICAS.deeds, restartRedis: 0 } },
    /Redis was not restarted/,
  ],
  ['a promised file is missing', { objects: [PERHAPS] }, /kept and is not in the cloud/],
  [
    'an object has no owner',
    { objects: [STORED, { ...STORED, fileId: 'cloud://e.b/stray' }] },
    /stray is left in the cloud/,
  ],
  [
    'what was reported is not swept',
    { objects: [STORED, PERHAPS, LEFT] },
    /orphan is left in the cloud/,
  ],
  ['a file is still pending', { pending: { atStart: 3, left: 1 } }, /1 files are still pending/],
  [
    'parts are left',
    { unfinishedUploads: ['cloud://e.b/excused'] },
    /has left parts of cloud:\/\/e\.b\/excused/,
  ],
  ['a request is cut', { requests: { upload: { cut: 1 } } }, /"upload" ended with cut/],
  ['work goes on for ever', { isIdle: false }, /the replicas did not become idle/],
  ['a connection is open', { connections: 1 }, /1 connections to the cloud/],
  [
    'no watch saw anything',
    { watches: [{ ...WATCH, end: 'failed', outcome: 409 }] },
    /no watch saw a file stored/,
  ],
  [
    'a watch missed its end',
    { watches: [WATCH, { ...WATCH, end: 'unknown' }] },
    /watch w1 ended as unknown, its upload with 201/,
  ],
  [
    'a watch goes on for ever',
    { watches: [WATCH, { ...WATCH, end: 'overdue', isExcused: true }] },
    /watch w1 ended as overdue/,
  ],
  [
    'a watch was told of a file that was not stored',
    { watches: [WATCH, { ...WATCH, outcome: 409, isExcused: true }] },
    /watch w1 ended as stored, its upload with 409/,
  ],
  [
    'a watch was cut by a replica that runs',
    { watches: [WATCH, { ...WATCH, end: 'cut', outcome: 409 }] },
    /watch w1 ended as cut/,
  ],
  ['a rejection is unhandled', { incidents: ['unhandled rejection: x'] }, /unhandled rejection/],
  [
    'a secret is logged',
    { texts: [...GOOD.texts, 'the token was a-secret-of-the-cloud.'] },
    /a secret was shown/,
  ],
  ['a replica ends by itself', { exitCodes: [0, 1] }, /ended with 1/],
];

describe('findReplicaViolations', () => {
  it('finds nothing wrong with a record in which all went well', () => {
    expect(findReplicaViolations(GOOD_REPLICAS)).toEqual([]);
  });

  it.each(DOCTORED_REPLICAS)('notices that %s', (_, change, sentence) => {
    expect(findReplicaViolations({ ...GOOD_REPLICAS, ...change })).toEqual([
      expect.stringMatching(sentence),
    ]);
  });
});
