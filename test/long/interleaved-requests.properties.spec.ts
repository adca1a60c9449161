import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { asyncProperty } from 'fast-check';
import { ADAPTERS } from '../support/adapters.js';
import { checkProperty } from '../support/properties.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import {
  FilesController,
  runSchedule,
  schedules,
} from '../e2e/http/support/interleaved-requests.js';

describe.each(ADAPTERS)('interleaved requests on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [FilesController],
      options: { timeouts: { idleMs: 600_000 } },
    });
  });
  afterAll(() => application.close());

  it('leave exactly the confirmed files', async () => {
    const property = asyncProperty(schedules, schedule => runSchedule(application, schedule));
    await expect(checkProperty(property, 15)).resolves.toBeUndefined();
  });
});
