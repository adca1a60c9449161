import { describe, expect, it } from '@jest/globals';
import { FileIntake } from '../../../lib/http/file-intake.js';
import type { WxCloudHttpRequest } from '../../../lib/http/upload-options.js';

const file = { fieldname: 'photo', originalname: 'a.bin', mimetype: 'image/png' };

describe("an application's own detection", () => {
  it('cannot change what is stored', async () => {
    const head = Buffer.from('first bytes of no known type');
    const detectContentType = (seen: Uint8Array): string => {
      seen.fill(0);
      return 'application/x-own';
    };
    const intake = new FileIntake({ detectContentType }, {} as WxCloudHttpRequest, file);
    await intake.inspect(head);
    expect(head.toString()).toBe('first bytes of no known type');
    await expect(intake.plan(5)).resolves.toMatchObject({ contentType: 'application/x-own' });
  });
});
