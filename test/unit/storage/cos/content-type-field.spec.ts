import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { ContentTypeField } from '../../../../lib/storage/cos/content-type-field.js';
import { checkProperty } from '../../../support/properties.js';

const TEN_MINUTES_MS = 600_000;

function setUp() {
  const warn = jest.fn<(message: string) => void>();
  const clock = { nowMs: 1_000 };
  const quiet = (): void => {};
  const log = jest.fn<(message: string) => void>();
  const logger = { warn, log, debug: quiet, error: quiet };
  const field = new ContentTypeField(logger, () => clock.nowMs);
  return { field, warn, log, clock };
}

/** Reports rejections at three paths, after which the field is left out. */
function setUpLeftOut() {
  const all = setUp();
  for (const path of ['a', 'b', 'c']) all.field.blame(path);
  return all;
}

describe('ContentTypeField', () => {
  it('is sent at first, and after any number of successes', () => {
    const { field, warn } = setUp();
    expect([field.decide(), field.isSent, field.isAccepted]).toEqual([true, true, false]);
    field.accept();
    field.accept();
    expect([field.decide(), field.isSent, field.isAccepted]).toEqual([true, true, true]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is sent after rejections at fewer than three paths', () => {
    const { field, warn } = setUp();
    for (const path of ['a', 'a', 'a', 'b', 'a', 'b']) field.blame(path);
    expect([field.decide(), field.isSent]).toEqual([true, true]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is left out with one warning after rejections at three paths', () => {
    const { field, warn } = setUpLeftOut();
    for (const path of ['d', 'e', 'f']) field.blame(path);
    expect([field.decide(), field.isSent]).toEqual([false, false]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain('application/octet-stream');
  });

  it('is never left out once a form with it was accepted', () => {
    const { field, warn } = setUp();
    field.blame('a');
    field.accept();
    for (const path of ['b', 'c', 'd', 'e']) field.blame(path);
    expect([field.decide(), field.isSent]).toEqual([true, true]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('is tried by one upload in ten minutes while it is left out', () => {
    const { field, clock } = setUpLeftOut();
    clock.nowMs += TEN_MINUTES_MS - 1;
    expect(field.decide()).toBe(false);
    clock.nowMs += 1;
    expect([field.decide(), field.decide(), field.isSent]).toEqual([true, false, false]);
    clock.nowMs += TEN_MINUTES_MS;
    expect([field.decide(), field.decide()]).toEqual([true, false]);
  });

  it('is sent again by all once a trial was accepted', () => {
    const { field, warn, log, clock } = setUpLeftOut();
    clock.nowMs += TEN_MINUTES_MS;
    field.decide();
    field.accept();
    for (const path of ['a', 'b', 'c']) field.blame(path);
    expect([field.decide(), field.decide(), field.isSent]).toEqual([true, true, true]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(log.mock.calls).toEqual([['The storage accepts uploads with a content type again.']]);
  });

  it('is never left out longer than ten minutes, whatever happens', async () => {
    const step = fc.constantFrom('accept', 'blame', 'decide', 'wait');
    await checkProperty(
      fc.property(fc.array(fc.tuple(step, fc.nat(5))), steps => {
        const { field, clock } = setUp();
        const acts = {
          accept: () => field.accept(),
          blame: (path: number) => field.blame(String(path)),
          decide: () => void field.decide(),
          wait: (minutes: number) => void (clock.nowMs += minutes * 60_000),
        };
        for (const [act, value] of steps) acts[act](value);
        expect([field.isAccepted, field.isSent]).not.toEqual([true, false]);
        clock.nowMs += TEN_MINUTES_MS;
        expect(field.decide()).toBe(true);
      }),
    );
  });
});
