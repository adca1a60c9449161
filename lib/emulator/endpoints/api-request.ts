import type { EmulatedCloud } from '../state/emulated-cloud.js';
import { ApiRefusal } from '../state/refusals.js';
import type { TokenKind, TokenState } from '../state/token-issuer.js';
import type { Exchange } from './exchange.js';

/** A JSON object that has not been checked yet. */
type JsonInput = Readonly<Record<string, unknown>>;

const MAX_JSON_BYTES = 1_048_576;
const MAX_BATCH_ITEMS = 50;

const TOKEN_KINDS: readonly TokenKind[] = ['access_token', 'cloudbase_access_token'];

const TOKEN_REFUSALS: Readonly<Record<Exclude<TokenState, 'valid'>, readonly [number, string]>> = {
  unknown: [40014, 'invalid access_token'],
  replaced: [40001, 'invalid credential, access_token is invalid or not latest'],
  expired: [42001, 'access_token expired'],
};

/** Returns true if a request carries a token, even an empty one. */
export function carriesToken({ query }: Exchange): boolean {
  return TOKEN_KINDS.some(kind => query.has(kind));
}

/**
 * Checks the authorization of a request: by its token, or, without a token, by the credential that
 * the sidecar adds.
 * @throws {@link ApiRefusal} 40001, 40014, 40097, 41001, 42001 or 48001
 */
function assertAuthorized(exchange: Exchange, cloud: EmulatedCloud): void {
  const { query, via } = exchange;
  const [kind, another] = TOKEN_KINDS.filter(name => query.has(name));
  if (another !== undefined) {
    throw new ApiRefusal(40097, `invalid args: both ${TOKEN_KINDS.join(' and ')}`);
  }
  if (kind === undefined && via === 'sidecar') return assertFromAppid(exchange, cloud);
  const token = query.get(kind ?? 'access_token') ?? '';
  if (token === '') throw new ApiRefusal(41001, 'access_token missing');
  const state = cloud.tokens.stateOf(token, kind ?? 'access_token');
  if (state !== 'valid') throw new ApiRefusal(...TOKEN_REFUSALS[state]);
}

/**
 * Checks `from_appid`. It is required as soon as several AppIDs share the environment.
 * @throws {@link ApiRefusal} 48001
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/reuse
 */
function assertFromAppid({ query }: Exchange, { options }: EmulatedCloud): void {
  const { appid, reuseAppids } = options;
  const from = query.get('from_appid');
  const isAllowed =
    from === null ? reuseAppids.length === 0 : [appid, ...reuseAppids].includes(from);
  if (!isAllowed) throw new ApiRefusal(48001, 'api unauthorized');
}

/**
 * Checks the method.
 * @throws {@link ApiRefusal} 43001 or 43002
 */
export function assertMethod({ method }: Exchange, expected: 'GET' | 'POST'): void {
  if (method === expected) return;
  throw new ApiRefusal(expected === 'GET' ? 43001 : 43002, `require ${expected} method`);
}

/**
 * Reads the JSON object in the body.
 * @throws {@link ApiRefusal} 44002 or 47001
 */
export async function readJson(exchange: Exchange): Promise<JsonInput> {
  const text = await readText(exchange);
  if (text.trim() === '') throw new ApiRefusal(44002, 'empty post data');
  const value = parse(text);
  if (!isObject(value)) throw unparsable();
  return value;
}

/**
 * Reads the body of a file API call after checking its method, authorization and environment.
 * @throws {@link ApiRefusal}
 */
export async function readFileRequest(
  exchange: Exchange,
  cloud: EmulatedCloud,
): Promise<JsonInput> {
  assertMethod(exchange, 'POST');
  assertAuthorized(exchange, cloud);
  const request = await readJson(exchange);
  if (readString(request, 'env') !== cloud.options.env) {
    throw new ApiRefusal(-501005, 'env not exists or is abnormal');
  }
  return request;
}

/**
 * Reads a non-empty string.
 * @throws {@link ApiRefusal} 40101 if it is missing, 40097 if it is not a string
 */
export function readString(from: JsonInput, name: string): string {
  const value = readMember(from, name);
  if (typeof value !== 'string') throw invalid(name);
  if (value === '') throw missing(name);
  return value;
}

/**
 * Reads an integer within a range.
 * @throws {@link ApiRefusal} 40101 if it is missing, 40097 if it is invalid
 */
export function readWhole(
  from: JsonInput,
  name: string,
  [min, max]: readonly [number, number],
): number {
  const value = readMember(from, name);
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalid(name);
}

/**
 * Reads a list of 1 to 50 items.
 * @throws {@link ApiRefusal} 40101 if it is missing, 40097 if it is invalid
 */
export function readBatch(from: JsonInput, name: string): readonly unknown[] {
  const value = readMember(from, name);
  if (!Array.isArray(value) || value.length === 0) throw invalid(name);
  if (value.length > MAX_BATCH_ITEMS)
    throw invalid(`${name} has more than ${MAX_BATCH_ITEMS} items`);
  return value as readonly unknown[];
}

/**
 * Reads an object from a list.
 * @throws {@link ApiRefusal} 40097 if it is not an object
 */
export function readItem(value: unknown, name: string): JsonInput {
  if (!isObject(value)) throw invalid(name);
  return value;
}

/** Creates the refusal of an invalid parameter. */
export function invalid(what: string): ApiRefusal {
  return new ApiRefusal(40097, `invalid args: ${what}`);
}

function missing(name: string): ApiRefusal {
  return new ApiRefusal(40101, `missing parameter: ${name}`);
}

function unparsable(): ApiRefusal {
  return new ApiRefusal(47001, 'data format error');
}

async function readText(exchange: Exchange): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of exchange.body()) {
    chunks.push(chunk);
    if (exchange.requestBytes > MAX_JSON_BYTES) throw unparsable();
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unparsable();
  }
}

function isObject(value: unknown): value is JsonInput {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMember(from: JsonInput, name: string): unknown {
  const value = from[name];
  if (value === undefined || value === null) throw missing(name);
  return value;
}
