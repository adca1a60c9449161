import { HttpAdapterHost } from '@nestjs/core';
import { findInstance } from '../../../../lib/http/application-registry.js';
import type { EdgeApplication } from './edge-application.js';

/** A ledger that records what it is told, and answers when the test wants. */
export interface RecordedLedger {
  /** Everything that has happened, in its order. */
  readonly events: string[];
  /** Resolves when files are about to be settled. */
  readonly asked: Promise<void>;
  /** Lets `settle` answer, with the files that are lost: all, or none. */
  answer(isLost?: boolean): void;
  /** Takes the ledger away. */
  remove(): void;
}

/** Gives an application a ledger that does not answer yet. */
export function useRecordedLedger({ app }: Pick<EdgeApplication, 'app'>): RecordedLedger {
  const events: string[] = [];
  let note: () => void = () => {};
  const asked = new Promise<void>(resolve => (note = resolve));
  let answer: (isLost: boolean) => void = () => {};
  const answered = new Promise<boolean>(resolve => (answer = resolve));
  const { context } = findInstance(app.get(HttpAdapterHost));
  Object.assign(context, {
    pending: {
      settle: async (fileIds: readonly string[]) => {
        note();
        const isLost = await answered;
        events.push('settled');
        return isLost ? fileIds : [];
      },
      orphan: async () => void events.push('orphaned'),
      forget: () => {},
    },
  });
  return {
    events,
    asked,
    answer: (isLost = false) => answer(isLost),
    remove: () => void Object.assign(context, { pending: undefined }),
  };
}
