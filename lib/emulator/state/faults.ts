import type {
  WxCloudEmulatorFault,
  WxCloudEmulatorFaultEffect,
  WxCloudEmulatorFaultKind,
} from './fault-effects.js';
import {
  BATCH_OPERATIONS,
  ETAG_OPERATIONS,
  type WxCloudEmulatorOperation,
  JSON_OPERATIONS,
  OBJECT_OPERATIONS,
  OPERATIONS,
} from './operation.js';

type FaultInput = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

interface EffectRule {
  readonly operations: readonly WxCloudEmulatorOperation[];
  readonly members: Readonly<Record<string, readonly [check: Check, expected: string]>>;
}

const isWhole: Check = value => Number.isSafeInteger(value);
const isCount: Check = value => Number.isSafeInteger(value) && (value as number) >= 0;
const isText: Check = value => typeof value === 'string';
const isStatusFrom =
  (least: number): Check =>
  value =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= 599;
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value);

/** The maximum delay of a Node timer. */
const MAX_TIMER_MS = 2_147_483_647;

const AT = [
  (value: unknown) => value === 'request' || value === 'answer',
  "'request' or 'answer'",
] as const;
const COUNT = [optional(isCount), 'an integer, 0 or more'] as const;
const STATUS = 'an integer from 200 to 599';

const RULES: Readonly<Record<WxCloudEmulatorFaultKind, EffectRule>> = {
  errcode: {
    operations: JSON_OPERATIONS,
    members: {
      errcode: [value => isWhole(value) && value !== 0, 'an integer other than 0'],
      errmsg: [optional(isText), 'a string'],
    },
  },
  status: {
    operations: OPERATIONS,
    members: { status: [isStatusFrom(200), STATUS], body: [optional(isText), 'a string'] },
  },
  'cos-error': {
    operations: OBJECT_OPERATIONS,
    members: {
      cosCode: [
        value => typeof value === 'string' && /^\w+$/.test(value),
        'a code such as SlowDown',
      ],
      status: [
        optional(value => value === 200 || isStatusFrom(400)(value)),
        '200 or an integer from 400 to 599',
      ],
      message: [optional(isText), 'a string'],
    },
  },
  reset: { operations: OPERATIONS, members: { at: AT, afterBytes: COUNT } },
  hang: { operations: OPERATIONS, members: { at: AT } },
  delay: {
    operations: OPERATIONS,
    members: {
      delayMs: [
        value => isCount(value) && (value as number) <= MAX_TIMER_MS,
        `an integer of milliseconds from 0 to ${MAX_TIMER_MS}`,
      ],
    },
  },
  'malformed-json': { operations: OPERATIONS, members: {} },
  empty: { operations: OPERATIONS, members: { status: [optional(isStatusFrom(200)), STATUS] } },
  item: {
    operations: BATCH_OPERATIONS,
    members: {
      status: [value => isWhole(value) && value !== 0, 'an integer other than 0'],
      errmsg: [isText, 'a string'],
      index: COUNT,
    },
  },
  trickle: {
    operations: OPERATIONS,
    members: { bytesPerSecond: [value => isCount(value) && value !== 0, 'an integer, 1 or more'] },
  },
  'wrong-etag': { operations: ETAG_OPERATIONS, members: {} },
  'ignore-range': { operations: ['get-object'], members: {} },
  'short-list': {
    operations: ['encode-metaid'],
    members: { count: [isCount, 'an integer, 0 or more'] },
  },
};

/** Returns true if an effect applies to an operation. */
function appliesTo(
  effect: WxCloudEmulatorFaultEffect,
  operation: WxCloudEmulatorOperation,
): boolean {
  return RULES[effect.kind].operations.includes(operation);
}

/**
 * Checks a fault.
 * @throws {TypeError} if a member is invalid; the message names it and the expected value
 */
function assertFault(fault: unknown): asserts fault is WxCloudEmulatorFault {
  const given = readMembers(fault, 'fault', ['operation', 'effect', 'after', 'times']);
  const operations: readonly unknown[] = ['*', ...OPERATIONS];
  if (!operations.includes(given['operation'])) {
    throw new TypeError(`faults.add: operation must be one of ${operations.join(', ')}.`);
  }
  const rule = assertEffect(given['effect']);
  const operation = given['operation'] as WxCloudEmulatorOperation | '*';
  if (operation !== '*' && !rule.operations.includes(operation)) {
    const { kind } = given['effect'] as WxCloudEmulatorFaultEffect;
    throw new TypeError(
      `faults.add: effect '${kind}' applies to ${rule.operations.join(', ')}, not to ${operation}.`,
    );
  }
  assertMember(given, 'after', COUNT);
  assertMember(given, 'times', [
    optional(value => value === Infinity || (isCount(value) && value !== 0)),
    'an integer, 1 or more, or Infinity',
  ]);
}

function assertEffect(value: unknown): EffectRule {
  const kind =
    typeof value === 'object' && value !== null ? (value as FaultInput)['kind'] : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(RULES, kind)) {
    throw new TypeError(`faults.add: effect.kind must be one of ${Object.keys(RULES).join(', ')}.`);
  }
  const rule = RULES[kind as WxCloudEmulatorFaultKind];
  const given = readMembers(value, 'effect', ['kind', ...Object.keys(rule.members)]);
  for (const [name, check] of Object.entries(rule.members)) assertMember(given, name, check);
  return rule;
}

function assertMember(
  given: FaultInput,
  name: string,
  [check, expected]: readonly [Check, string],
): void {
  if (!check(given[name])) throw new TypeError(`faults.add: ${name} must be ${expected}.`);
}

function readMembers(value: unknown, what: string, known: readonly string[]): FaultInput {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`faults.add: the ${what} must be an object.`);
  }
  const unknown = Object.keys(value).find(name => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `faults.add: the ${what} has no member ${unknown}; it has ${known.join(', ')}.`,
    );
  }
  return value as FaultInput;
}

/** The faults to inject. */
export interface WxCloudEmulatorFaults {
  /**
   * Adds a fault. If several are due for a request, the one added first takes effect.
   * @throws {TypeError} if the fault is invalid; the message names the member
   */
  add(fault: WxCloudEmulatorFault): AddedFault;
  /** Removes all faults. */
  clear(): void;
}

/** An added fault. */
interface AddedFault {
  /** Removes the fault; has no effect if it is already gone. */
  remove(): void;
}

interface PendingFault {
  readonly operation: WxCloudEmulatorOperation | '*';
  readonly effect: WxCloudEmulatorFaultEffect;
  after: number;
  times: number;
}

/** The faults that can still take effect. */
export class FaultList implements WxCloudEmulatorFaults {
  #pending: PendingFault[] = [];

  /** See {@link WxCloudEmulatorFaults.add}. */
  add(fault: WxCloudEmulatorFault): AddedFault {
    assertFault(fault);
    const { operation, effect, after = 0, times = 1 } = fault;
    const pending = { operation, effect: { ...effect }, after, times };
    this.#pending.push(pending);
    return { remove: () => this.#remove(pending) };
  }

  /** See {@link WxCloudEmulatorFaults.clear}. */
  clear(): void {
    this.#pending = [];
  }

  /** Counts a request, and returns the effect of the fault that is due for it, if any. */
  take(operation: WxCloudEmulatorOperation | 'unknown'): WxCloudEmulatorFaultEffect | undefined {
    if (operation === 'unknown') return undefined;
    const matching = this.#pending.filter(fault => matches(fault, operation));
    const due = matching.filter(fault => fault.after === 0);
    for (const fault of matching) fault.after = Math.max(0, fault.after - 1);
    const [first] = due;
    if (first === undefined) return undefined;
    first.times -= 1;
    if (first.times === 0) this.#remove(first);
    return first.effect;
  }

  #remove(fault: PendingFault): void {
    this.#pending = this.#pending.filter(other => other !== fault);
  }
}

function matches(fault: PendingFault, operation: WxCloudEmulatorOperation): boolean {
  return (
    fault.operation === operation || (fault.operation === '*' && appliesTo(fault.effect, operation))
  );
}
