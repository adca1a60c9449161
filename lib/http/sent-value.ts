import type { WxCloudHttpRequest } from './request-origin.js';

/** Where a client sends a value along with a form: exactly one of the two. */
export interface SentValue {
  /** The name of a request header. */
  readonly header?: string | undefined;
  /** The name of a text field that comes before the file. */
  readonly field?: string | undefined;
}

/** Whether an option names one place, and nothing else. */
export function isSentValue(option: SentValue): boolean {
  const names = Object.entries(option ?? {}).filter(([, name]) => name !== undefined);
  const [source, name] = names[0] ?? [];
  const isKnown = source === 'header' || source === 'field';
  return names.length === 1 && isKnown && typeof name === 'string' && name !== '';
}

/** What a client has sent there; undefined for nothing. */
export function findSent(
  { header, field }: SentValue,
  { headers, body }: WxCloudHttpRequest,
): unknown {
  if (header !== undefined) return headers[header.toLowerCase()]?.toString();
  const fields: unknown = body ?? {};
  return Object.entries(fields as object).find(([name]) => name === field)?.[1];
}

/** The place where a value was looked for, in words for a message to the client. */
export function placeOf({ header, field }: SentValue): string {
  return header === undefined
    ? `field ${JSON.stringify(field)}`
    : `header ${JSON.stringify(header)}`;
}
