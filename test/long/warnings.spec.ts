import { describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator } from '../../lib/emulator/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { pngOfSize, postForm } from '../support/forms.js';
import { startUploadApplication } from '../support/upload-application.js';

describe.each(ADAPTERS)('an application under load on $name', ({ name: adapter }) => {
  it('emits no warning for 100 uploads at once', async () => {
    const emulator = await startWxCloudEmulator();
    const application = await startUploadApplication({ adapter, options: emulator.options });
    const file = pngOfSize(100_000);

    const responses = await Promise.all(
      Array.from({ length: 100 }, () =>
        postForm(`${application.url}/upload`, [{ field: 'file', file }]),
      ),
    );
    await application.close();
    await emulator.close();

    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 201));
    expect(application.readErrorOutput()).toBe('');
  });
});
