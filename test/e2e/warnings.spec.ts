import { describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator } from '../../lib/emulator/index.js';
import { pngOfSize, postForm } from '../support/forms.js';
import { startUploadApplication } from '../support/upload-application.js';

describe('an application under load', () => {
  it('has nothing to warn of when 100 uploads arrive at once', async () => {
    const emulator = await startWxCloudEmulator();
    const application = await startUploadApplication(emulator);
    const file = pngOfSize(100_000);

    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        postForm(`${application.url}/upload`, [{ field: 'file', file }]),
      ),
    );
    await application.close();
    await emulator.close();

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(application.readErrorOutput()).toBe('');
  });
});
