import { appliesTo, assertFault } from './fault-check.js';
import type { EmulatorFault, FaultEffect } from './fault-effect.js';
import type { EmulatorOperation } from './operation.js';

/** What is to go wrong. */
export interface EmulatorFaults {
  /**
   * Adds a fault. Of several that are due for one request, the one added first takes effect.
   * @throws {TypeError} when the fault is none, naming the member at fault
   */
  add(fault: EmulatorFault): AddedFault;
  /** Removes all faults. */
  clear(): void;
}

/** A fault that was added. */
export interface AddedFault {
  /** Removes it; nothing happens when it is gone already. */
  remove(): void;
}

interface PendingFault {
  readonly operation: EmulatorOperation | '*';
  readonly effect: FaultEffect;
  after: number;
  times: number;
}

/** The faults that are still to come. */
export class FaultList implements EmulatorFaults {
  #pending: PendingFault[] = [];

  /** See {@link EmulatorFaults.add}. */
  add(fault: EmulatorFault): AddedFault {
    assertFault(fault);
    const { operation, effect, after = 0, times = 1 } = fault;
    const pending = { operation, effect: { ...effect }, after, times };
    this.#pending.push(pending);
    return { remove: () => this.#remove(pending) };
  }

  /** See {@link EmulatorFaults.clear}. */
  clear(): void {
    this.#pending = [];
  }

  /** Counts a request of an operation, and says what befalls it. */
  take(operation: EmulatorOperation | 'unknown'): FaultEffect | undefined {
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

function matches(fault: PendingFault, operation: EmulatorOperation): boolean {
  return (
    fault.operation === operation || (fault.operation === '*' && appliesTo(fault.effect, operation))
  );
}
