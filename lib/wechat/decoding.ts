import { WxCloudStorageError } from '../errors/errors.js';

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The error for an answer that is not what the documents say; names the endpoint and the part at
 * fault.
 */
export function malformed(endpoint: string, what: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the answer is not what WeChat documents: ${what}. If a proxy stands between, check it.`,
    retryable: true,
    endpoint,
  });
}

/**
 * Reads a JSON object.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
export function readObject(value: unknown, endpoint: string, name = 'body'): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(endpoint, `${name} is not an object`);
  }
  return value as JsonObject;
}

/**
 * Reads a string that is not empty.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
export function readText(from: JsonObject, name: string, endpoint: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw malformed(endpoint, `${name} is missing`);
  return value;
}

/**
 * Reads a list.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when it is anything else
 */
export function readList(from: JsonObject, name: string, endpoint: string): readonly unknown[] {
  const value = from[name];
  if (!Array.isArray(value)) throw malformed(endpoint, `${name} is not a list`);
  return value;
}
