import { describe, expect, it } from '@jest/globals';
import type { StorageLogger } from '../../../lib/diagnostics.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import {
  createSharedResources,
  createStorageContext,
} from '../../../lib/storage/storage-context.js';

const logger: StorageLogger = { log: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
const OPTIONS = { env: 'prod-8gtest', appid: 'wx1', secret: 'a-secret' };

describe('createStorageContext with shared resources', () => {
  it('takes part in sending ahead only with the shared connections', () => {
    const shared = createSharedResources(2);
    const [ordinary, apart] = [{}, { dispatcher: { dispatch: () => true } }].map(more =>
      createStorageContext(resolveOptions({ ...OPTIONS, ...more }), logger, shared),
    );
    expect(shared.sendAheadSlots.tryTake()).toBeDefined();
    expect(ordinary?.sendAheadSlots.tryTake()).toBeUndefined();
    expect(apart?.sendAheadSlots.tryTake()).toBeDefined();
  });
});
