import { describe, expect, it, jest } from '@jest/globals';
import { ContentTypeField } from '../../../lib/storage/content-type-field.js';

function setUp(): { field: ContentTypeField; warn: jest.Mock<(message: string) => void> } {
  const warn = jest.fn<(message: string) => void>();
  const quiet = (): void => {};
  const logger = { warn, log: quiet, debug: quiet, error: quiet };
  return { field: new ContentTypeField(logger), warn };
}

describe('ContentTypeField', () => {
  it('is sent at first, and after any number of successes', () => {
    const { field, warn } = setUp();
    expect(field.isSent).toBe(true);
    field.confirm(true);
    field.confirm(true);
    expect(field.isSent).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is left out of the form after a refused one', () => {
    const { field, warn } = setUp();
    expect(field.suspect(true)).toBe(true);
    expect(field.isSent).toBe(false);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is left out for good, with one warning, once a form without it was taken', () => {
    const { field, warn } = setUp();
    field.suspect(true);
    field.confirm(false);
    field.confirm(false);
    expect(field.isSent).toBe(false);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain('application/octet-stream');
  });

  it('is sent again when a form without it is refused as well', () => {
    const { field, warn } = setUp();
    field.suspect(true);
    expect(field.suspect(false)).toBe(false);
    expect(field.isSent).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is sent again when a form with it is taken meanwhile', () => {
    const { field, warn } = setUp();
    field.suspect(true);
    field.confirm(true);
    expect(field.isSent).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is suspected once by two forms that are refused at once', () => {
    const { field, warn } = setUp();
    expect([field.suspect(true), field.suspect(true)]).toEqual([true, true]);
    field.confirm(false);
    field.confirm(false);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('that is left out is no reason for a repeat, and stays left out', () => {
    const { field, warn } = setUp();
    field.suspect(true);
    field.confirm(false);
    expect([field.suspect(false), field.suspect(true)]).toEqual([false, false]);
    field.confirm(true);
    expect(field.isSent).toBe(false);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('is not given up for a form that was taken without it before any suspicion', () => {
    const { field, warn } = setUp();
    field.confirm(false);
    expect(field.isSent).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });
});
