import { describe, expect, it } from '@jest/globals';
import { readCapabilities } from '../../../lib/storage/capabilities.js';
import type { CosRight } from '../../../lib/storage/cos/rights.js';
import { contextWith } from '../../support/fake-bucket.js';

const namesOf = ({ cos }: ReturnType<typeof contextWith>, value: boolean) =>
  Object.entries(readCapabilities(cos))
    .filter(([, works]) => works === value)
    .map(([name]) => name);

describe('capabilities', () => {
  it('are all there with the option cos in the container', () => {
    expect(namesOf(contextWith({}), false)).toEqual([]);
  });

  it('are all missing without the option cos', () => {
    expect(namesOf(contextWith(undefined), true)).toEqual([]);
  });

  it('have no owners outside of the container', () => {
    const context = contextWith({}, { metaIds: { decode: undefined } });
    expect(namesOf(context, false)).toEqual(['openid', 'ownerOf']);
  });

  it.each<[CosRight, readonly string[]]>([
    ['list', ['list']],
    ['copy', ['copy', 'move']],
    ['head', ['copy', 'move', 'ownerOf']],
    ['listUploads', ['sweepUnfinishedUploads']],
    ['abortUpload', ['sweepUnfinishedUploads']],
    ['get', []],
    ['delete', []],
    ['multipart', []],
    [
      'put',
      ['metadata', 'cacheControl', 'contentDisposition', 'createOnly', 'openid', 'createUploadUrl'],
    ],
  ])('are missing without the right to %s', (right, missing) => {
    const context = contextWith({});
    context.cos.rights.deny(right);
    expect(namesOf(context, false)).toEqual(missing);
  });
});
