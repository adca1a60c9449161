import { createHash } from 'node:crypto';
import { CosRefusal } from '../../state/refusals.js';
import { assertDigest } from '../content-digest.js';
import type { EmulatedResponse } from '../responses.js';
import type { CosRequest } from './cos-request.js';
import {
  documentOf,
  element,
  malformed,
  parseDocument,
  readDocument,
  textOf,
  toXmlResponse,
} from './xml.js';

const MAX_KEYS = 1_000;

/**
 * Handles `POST /?delete`; missing objects are deleted too.
 * @see https://cloud.tencent.com/document/product/436/8289
 */
export async function respondToDeleteObjects(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, effect } = request;
  const body = await readDocument(exchange);
  const digest = exchange.header('content-md5');
  if (digest === undefined) {
    throw new CosRefusal('InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
  assertDigest(digest, createHash('md5').update(body).digest());
  const { keys, isQuiet } = readKeys(body);
  exchange.nameObjects(keys);
  const results: string[] = [];
  for (const [index, key] of keys.entries()) {
    if (effect?.kind === 'item' && (effect.index ?? index) === index) {
      const text = [element('Code', effect.errmsg), element('Message', effect.errmsg)];
      results.push(element('Error', [element('Key', key), ...text]));
    } else {
      await cloud.store.delete(key);
      if (!isQuiet) results.push(element('Deleted', [element('Key', key)]));
    }
  }
  return toXmlResponse(documentOf('DeleteResult', results));
}

function readKeys(body: Buffer): { readonly keys: readonly string[]; readonly isQuiet: boolean } {
  const root = parseDocument(body.toString('utf8'), 'Delete');
  const objects = root.children.filter(({ name }) => name === 'Object');
  const keys = objects.map(object => textOf(object, 'Key') ?? '');
  const isValid = keys.length > 0 && keys.length <= MAX_KEYS && !keys.includes('');
  if (!isValid) throw malformed();
  return { keys, isQuiet: textOf(root, 'Quiet')?.trim() === 'true' };
}
