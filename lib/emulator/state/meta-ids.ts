import { createHmac, randomBytes } from 'node:crypto';
import { isCloudPath } from './cloud-paths.js';

/** The content of an `x-cos-meta-fileid`. */
export interface MetaId {
  /** The user who owns the object; empty for the management side. */
  readonly openid: string;
  /** The path as it was given, with or without a leading slash. */
  readonly path: string;
}

/**
 * Creates and reads the values of `x-cos-meta-fileid`. They depend on the bucket only, so that
 * those of objects in a folder stay valid after a restart.
 */
export class MetaIds {
  readonly #key: string;

  /** Creates them for a bucket. */
  constructor(env: string, bucket: string) {
    this.#key = `${env}\n${bucket}`;
  }

  /** Encodes an owner and a path. */
  encode({ openid, path }: MetaId): string {
    const nonce = randomBytes(9).toString('base64url');
    const content = Buffer.from(JSON.stringify([nonce, openid, path])).toString('base64url');
    return `${content}.${this.#seal(content)}`;
  }

  /** Decodes a value; undefined if it is not one of this bucket. */
  decode(metaId: string): MetaId | undefined {
    const [content = '', seal = ''] = metaId.split('.');
    if (seal !== this.#seal(content)) return undefined;
    const [, openid, path] = JSON.parse(Buffer.from(content, 'base64url').toString()) as string[];
    return { openid: openid ?? '', path: path ?? '' };
  }

  /** Returns true if a value belongs to a path; otherwise the file ID does not work. */
  isOf(cloudPath: string, metaId: string | undefined): boolean {
    const path = this.decode(metaId ?? '')?.path;
    return path !== undefined && withoutSlash(path) === cloudPath;
  }

  #seal(content: string): string {
    return createHmac('sha256', this.#key).update(content).digest('base64url');
  }
}

/** Returns true for a path that can be encoded: with or without a slash, both are in use. */
export function isMetaIdPath(path: string): boolean {
  return isCloudPath(withoutSlash(path));
}

function withoutSlash(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path;
}
