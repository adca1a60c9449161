import { describe, expect, it } from '@jest/globals';
import {
  PredictionRecord,
  PredictionRecords,
} from '../../../../lib/http/upload/prediction-record.js';

const recordAll = (record: PredictionRecord, outcomes: readonly boolean[]): void =>
  outcomes.forEach(isRight => record.record(isRight));
const times = (count: number, isRight: boolean): boolean[] => Array<boolean>(count).fill(isRight);

describe('PredictionRecord', () => {
  it.each([
    ['2 wrong ones', times(2, false)],
    ['2 wrong ones of 10', [...times(2, false), ...times(8, true)]],
    ['3 wrong ones in more than 10', [false, ...times(9, true), false, false]],
  ])('goes on predicting after %s', (_, outcomes) => {
    const record = new PredictionRecord();
    recordAll(record, outcomes);
    expect([record.isPaused, record.beginForm()]).toEqual([false, true]);
  });

  it.each([
    ['3 wrong ones', times(3, false)],
    ['3 wrong ones of 10', [false, ...times(7, true), false, false]],
  ])('stops for 100 forms after %s, and then begins anew', (_, outcomes) => {
    const record = new PredictionRecord();
    recordAll(record, outcomes);
    recordAll(record, times(20, false));
    const forms = Array.from({ length: 102 }, () => record.beginForm());
    expect(forms).toEqual([...times(100, false), true, true]);
    recordAll(record, times(2, false));
    expect(record.beginForm()).toBe(true);
  });
});

describe('PredictionRecords', () => {
  it('has one record for each handler', () => {
    const records = new PredictionRecords();
    const handlers = [() => {}, () => {}] as const;
    expect(records.of(handlers[0])).toBe(records.of(handlers[0]));
    expect(records.of(handlers[0])).not.toBe(records.of(handlers[1]));
  });
});
