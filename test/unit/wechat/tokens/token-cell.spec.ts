import { beforeEach, describe, expect, it } from '@jest/globals';
import { joinCell } from '../../../../lib/wechat/tokens/token-cell.js';

const HOUR_MS = 3_600_000;

let count = 0;
let owner: string;
let nowMs = 0;
beforeEach(() => {
  owner = `owner ${(count += 1)}`;
  // Cells of other tests are forgotten.
  nowMs += 2 * HOUR_MS;
});

const join = (name = owner, mayReturn = true) => joinCell(name, () => nowMs, mayReturn);

describe('joinCell', () => {
  it('gives the members of an owner one cell, and other owners others', () => {
    expect(join().cell).toBe(join(owner, false).cell);
    expect(join('another').cell).not.toBe(join().cell);
  });

  it('forgets a cell with its last member, unless one may return', () => {
    const { cell, leave } = join(owner, false);
    leave();
    expect(join(owner, false).cell).not.toBe(cell);
  });

  it('keeps a cell for an hour after the last member that may return', () => {
    const { cell, leave } = join();
    leave();
    nowMs += HOUR_MS - 1;
    const again = join();
    expect(again.cell).toBe(cell);
    again.leave();
    nowMs += HOUR_MS;
    expect(join().cell).not.toBe(cell);
  });

  it('keeps a cell, whoever leaves last', () => {
    const [returning, other] = [join(), join(owner, false)];
    returning.leave();
    other.leave();
    expect(join(owner, false).cell).toBe(returning.cell);
  });

  it('keeps the cell of members for any time, and counts no member twice', () => {
    const [left, { cell }] = [join(), join()];
    left.leave();
    left.leave();
    nowMs += 2 * HOUR_MS;
    expect(join().cell).toBe(cell);
  });

  it('keeps the 1,000 that were left last', () => {
    const names = Array.from({ length: 1_001 }, (_, index) => `${owner} of ${index}`);
    const cells = names.map(name => {
      const { cell, leave } = join(name);
      leave();
      return cell;
    });
    const again = names.toReversed().map(name => join(name).cell);
    expect(again.toReversed().map((cell, index) => cell === cells[index])).toEqual(
      names.map((_, index) => index > 0),
    );
  });
});
