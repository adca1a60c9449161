import type { Attributes } from '@opentelemetry/api';

/** The names of the channels, which are those of the operations. */
export const OPERATIONS = [
  'upload',
  'download',
  'links',
  'delete',
  'form',
  'copy',
  'list',
  'token',
  'request',
] as const;

/** An operation of the package. */
export type Operation = (typeof OPERATIONS)[number];

/** The members of all events; each operation has some of them. */
export interface OperationEvent {
  /** The environment ID. */
  readonly env?: string;
  /** Duration in milliseconds. */
  readonly durationMs?: number;
  /** Error code. */
  readonly code?: string;
  /** Size of the content in bytes. */
  readonly size?: number;
  /** True for a download whose reader has left before the end. */
  readonly wasLeft?: true;
  /** Number of attempts. */
  readonly tries?: number;
  /** Number of files. */
  readonly files?: number;
  /** Number of files that failed. */
  readonly failed?: number;
  /** Number of entries. */
  readonly entries?: number;
  /** The `type` of `auth`. */
  readonly type?: string;
  /** Lifetime of a token in seconds. */
  readonly expiresInSeconds?: number;
  /** The called operation of WeChat or COS. */
  readonly endpoint?: string;
  /** The HTTP method. */
  readonly method?: string;
  /** The HTTP status. */
  readonly status?: number;
  /** The events of all operations that share a request. */
  readonly callers?: readonly object[];
}

/** The attributes of the members of events; nothing else of an event is exported. */
const ATTRIBUTES = {
  env: 'wx_cloud.env',
  code: 'error.type',
  size: 'wx_cloud.size',
  wasLeft: 'wx_cloud.download.left',
  tries: 'wx_cloud.tries',
  files: 'wx_cloud.files',
  failed: 'wx_cloud.files.failed',
  entries: 'wx_cloud.entries',
  type: 'wx_cloud.auth.type',
  expiresInSeconds: 'wx_cloud.token.lifetime',
  endpoint: 'wx_cloud.endpoint',
  method: 'http.request.method',
  status: 'http.response.status_code',
} as const satisfies Partial<Record<keyof OperationEvent, string>>;

type Exported = keyof typeof ATTRIBUTES;

/** The members that an event has from the start on. */
export const AT_START = ['env', 'files', 'type', 'endpoint', 'method'] as const;
/** The members that an event gets until the end. */
export const AT_END = [
  'code',
  'size',
  'wasLeft',
  'tries',
  'failed',
  'entries',
  'expiresInSeconds',
  'status',
] as const satisfies readonly Exclude<Exported, (typeof AT_START)[number]>[];

/** Returns the attributes of those members that an event has. */
export function attributesOf(event: OperationEvent, members: readonly Exported[]): Attributes {
  const attributes: Attributes = {};
  for (const member of members) {
    const value = event[member];
    if (value !== undefined) attributes[ATTRIBUTES[member]] = value;
  }
  return attributes;
}
