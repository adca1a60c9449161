import { describe, expect, it } from '@jest/globals';
import { FileIdScope } from '../../../lib/file-id/file-id.js';
import { thrownBy } from '../support/failures.js';

const ENDPOINT = '/tcb/uploadfile';
const MALFORMED = { code: 'WX_CLOUD_RESPONSE_MALFORMED', endpoint: ENDPOINT };
const INVALID = { code: 'WX_CLOUD_FILE_ID_INVALID' };

describe('FileIdScope', () => {
  it('accepts IDs of any bucket of the environment while no bucket is known', () => {
    const memory = new FileIdScope('prod', undefined);
    expect(memory.bucket).toBeUndefined();
    expect(memory.parse('cloud://prod.b1/a').bucket).toBe('b1');
    expect(memory.parse('cloud://prod.b2/a').bucket).toBe('b2');
    expect(memory.bucket).toBeUndefined();
  });

  it('learns the bucket from the first link and then rejects others', () => {
    const memory = new FileIdScope('prod', undefined);
    memory.learnBucket('cloud://prod.b1/照片/a.png', '照片/a.png', ENDPOINT);
    expect(memory.bucket).toBe('b1');
    expect(memory.parse('cloud://prod.b1/x').cloudPath).toBe('x');
    expect(thrownBy(() => memory.parse('cloud://prod.b2/x'))).toMatchObject(INVALID);
    expect(thrownBy(() => memory.learnBucket('cloud://prod.b2/x', 'x', ENDPOINT))).toMatchObject(
      MALFORMED,
    );
    expect(memory.bucket).toBe('b1');
  });

  it('accepts only the configured bucket', () => {
    const memory = new FileIdScope('prod', 'b1');
    expect(thrownBy(() => memory.parse('cloud://prod.b2/x'))).toMatchObject(INVALID);
    expect(thrownBy(() => memory.learnBucket('cloud://prod.b2/x', 'x', ENDPOINT))).toMatchObject(
      MALFORMED,
    );
  });

  it.each([
    ['another environment', 'cloud://test.b1/a.png'],
    ['no file ID', 'https://cos/a.png'],
    ['an empty text', ''],
    ['the short form', 'cloud://prod/a.png'],
  ])('rejects a link for %s and learns nothing', (_, fileId) => {
    const memory = new FileIdScope('prod', undefined);
    expect(thrownBy(() => memory.learnBucket(fileId, 'a.png', ENDPOINT))).toMatchObject(MALFORMED);
    expect(memory.bucket).toBeUndefined();
  });

  it.each([
    ['another path', 'cloud://prod.b1/b.png'],
    ['a path below', 'cloud://prod.b1/x/a b.png'],
    ['the path encoded', 'cloud://prod.b1/a%20b.png'],
    ['the path in another case', 'cloud://prod.b1/A b.png'],
    ['the path with a space behind', 'cloud://prod.b1/a b.png '],
  ])('rejects a link for %s as retryable and learns nothing', (_, fileId) => {
    const memory = new FileIdScope('prod', undefined);
    const error = thrownBy(() => memory.learnBucket(fileId, 'a b.png', ENDPOINT));
    expect(error).toMatchObject({ ...MALFORMED, retryable: true });
    expect(memory.bucket).toBeUndefined();
  });

  it.each([undefined, null, 7, {}, '', 'a.png', 'cloud://test.b1/a'].map(value => [value]))(
    'rejects %p as a file ID',
    fileId => {
      const memory = new FileIdScope('prod', undefined);
      expect(thrownBy(() => memory.parse(fileId))).toMatchObject(INVALID);
    },
  );
});
