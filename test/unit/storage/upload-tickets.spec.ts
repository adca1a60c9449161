import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import type { WxCloudStorageOptions } from '../../../lib/options/options.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { UploadTickets } from '../../../lib/storage/upload-tickets.js';

const GIVEN = { env: 'prod-1', appid: 'wx1', secret: 'a secret'.replace(' ', '-') };
const FILE_ID = 'cloud://prod-1.7072-prod-1-1300000000/a/b.png';
const NOW = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

const make = (options: object = {}): UploadTickets =>
  new UploadTickets(resolveOptions({ ...GIVEN, ...options } as WxCloudStorageOptions));
const issue = (tickets: UploadTickets, minutes = 15, isPathUnique = true): string =>
  String(tickets.issue(FILE_ID, new Date(NOW + minutes * MINUTE_MS), isPathUnique));

let clock: jest.SpiedFunction<typeof Date.now>;
beforeEach(() => {
  clock = jest.spyOn(Date, 'now').mockReturnValue(NOW);
});
afterEach(() => {
  clock.mockRestore();
});

describe('UploadTickets', () => {
  it.each([
    ['a quarter of an hour longer than its form', 15, NOW + 30 * MINUTE_MS],
    ['two hours at most', 1_000_000, NOW + 120 * MINUTE_MS],
    ['no longer when its form has expired already', -20, undefined],
  ])('accepts a ticket for %s', (_, formMinutes, expected) => {
    const tickets = make();
    const end = tickets.verify(FILE_ID, issue(tickets, formMinutes))?.expiresAtMs;
    expect(end).toBe(expected);
  });

  it('tells since when an object of its form may exist, unless the path is unique', () => {
    const tickets = make();
    expect(tickets.verify(FILE_ID, issue(tickets))?.storedSinceMs).toBe(0);
    expect(tickets.verify(FILE_ID, issue(tickets, 15, false))?.storedSinceMs).toBe(NOW);
  });

  it('rejects any altered text', () => {
    const tickets = make();
    const ticket = issue(tickets);
    const other = fc.oneof(
      fc.string(),
      fc.stringMatching(new RegExp(`^[\\w-]{${ticket.length}}$`)),
      fc
        .tuple(fc.nat(ticket.length - 1), fc.constantFrom(...'AZaz09-_=+/ .'))
        .map(([at, char]) => ticket.slice(0, at) + char + ticket.slice(at + 1)),
      fc.constantFrom(`${ticket}=`, ` ${ticket}`, `${ticket}\n`, ticket.toUpperCase()),
    );
    fc.assert(
      fc.property(other, text => {
        fc.pre(text !== ticket);
        expect(() => tickets.verify(FILE_ID, text)).toThrow(/The ticket is refused/);
      }),
    );
  });

  it.each([[7], [null], [[]], [{ toString: () => 'x' }], [true]])(
    'rejects the ticket %j',
    value => {
      expect(() => make().verify(FILE_ID, value)).toThrow(/The ticket is refused/);
    },
  );

  it('binds a ticket to its file ID, environment and key', () => {
    const ticket = issue(make());
    const refusing = [
      () => make().verify(`${FILE_ID}x`, ticket),
      () => make({ env: 'prod-2' }).verify(FILE_ID, ticket),
      () => make({ secret: 'another' }).verify(FILE_ID, ticket),
      () => make({ ticketKey: 'k'.repeat(32) }).verify(FILE_ID, ticket),
    ];
    for (const verify of refusing) expect(verify).toThrow(/The ticket is refused/);
    expect(make().verify(FILE_ID, ticket)).toBeDefined();
  });

  it('accepts a ticket whichever token call uses the AppSecret', () => {
    const { appid, secret } = GIVEN;
    const auth = { type: 'access-token', appid, secret };
    const classic = make({ appid: undefined, secret: undefined, auth });
    expect(make().verify(FILE_ID, issue(classic))).toBeDefined();
  });
});
