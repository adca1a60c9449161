import type { ServerResponse } from 'node:http';
import { HttpException, InternalServerErrorException, Logger } from '@nestjs/common';
import type { MemoryBudget } from '../body/memory-budget.js';
import { LOG_CONTEXT } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { holdResponse, isHeldWhole, type ResponseCommit } from './held-response.js';
import { toLoggedException } from './http-exception.js';
import { RequestMemory } from './refused-request.js';
import { isAnswered } from './request-end.js';

/** The part of a transaction that its response needs. */
export interface Committable {
  /** True while a success has to wait for the commit. */
  readonly isCommitDue: boolean;
  /** Resolves when a success may be sent; rejects when it must not be. */
  commit(): Promise<void>;
  /** Fails the request. */
  rollBack(): Promise<void>;
}

/** The response to a request that has files. */
export class TransactionResponse {
  readonly #request: object;
  readonly #response: ServerResponse;

  /** `request` is the adapter's request, for the log. */
  constructor(request: object, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  /** True for a success that was written completely. */
  isAnswered(): boolean {
    return isAnswered(this.#response);
  }

  /** True for a success that was written completely and is held back. */
  isAnswerHeld(): boolean {
    return isHeldWhole(this.#response);
  }

  /**
   * Holds a success back from now on until the transaction is committed. What is held back counts
   * as memory of uploads.
   */
  holdUntilCommit(transaction: Committable, budget: MemoryBudget): void {
    holdResponse(this.#response, (): ResponseCommit => ({
      memory: new RequestMemory(budget),
      isDue: () => transaction.isCommitDue,
      commit: () => transaction.commit(),
      abandon: () => void transaction.rollBack(),
      describeFailure: error => describeFailure(error, this.#request),
    }));
  }
}

/** Logs the failure of a response that waited, and describes it as Nest describes exceptions. */
function describeFailure(
  error: unknown,
  request: object,
): ReturnType<ResponseCommit['describeFailure']> {
  if (!(error instanceof WxCloudStorageError)) {
    const stack = error instanceof Error ? error.stack : String(error);
    new Logger(LOG_CONTEXT).error('A response could not be sent, so its files are deleted.', stack);
  }
  const found = toLoggedException(error, request);
  // Others are the result of a failure that the handler has reported otherwise.
  const isServerError = found instanceof HttpException && found.getStatus() >= 500;
  const exception = isServerError ? found : new InternalServerErrorException();
  return { status: exception.getStatus(), text: JSON.stringify(exception.getResponse()) };
}
