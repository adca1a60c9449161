import type { ServerResponse } from 'node:http';
import { HttpException, InternalServerErrorException } from '@nestjs/common';
import type { MemoryBudget } from '../body/memory-budget.js';
import { WxCloudStorageError } from '../errors/errors.js';
import {
  holdResponse,
  isHeldWhole,
  isSuccessBegun,
  type ResponseCommit,
  watchResponse,
} from './held-response.js';
import { logUnsent, toLoggedException } from './http-exception.js';
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

/** The response to a request that has files, and the commit that it waits for. */
export class TransactionResponse implements ResponseCommit {
  readonly #request: object;
  readonly #response: ServerResponse;
  #transaction: Committable | undefined;
  #memory: RequestMemory | undefined;

  /** `request` is the adapter's request, for the log. */
  constructor(request: object, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  /** True for a success that was written completely. */
  isAnswered(): boolean {
    return isAnswered(this.#response);
  }

  /** True for a success that was written completely, and is held back or has yet to be ended. */
  isAnswerHeld(): boolean {
    return isHeldWhole(this.#response);
  }

  /** True for a success whose head was sent. */
  isAnswerBegun(): boolean {
    return isSuccessBegun(this.#response);
  }

  /** Holds a success back whenever the transaction has to be committed before it. */
  holdUntilCommit(transaction: Committable): void {
    this.#transaction = transaction;
    holdResponse(this.#response, this);
  }

  /** Has to be called before the transaction can wait for a commit. */
  watch(): void {
    watchResponse(this.#response);
  }

  /** Counts what is held back as memory of uploads. */
  countIn(budget: MemoryBudget): void {
    this.#memory ??= new RequestMemory(budget);
  }

  get memory(): RequestMemory | undefined {
    return this.#memory;
  }

  isDue(): boolean {
    return this.#transaction?.isCommitDue === true;
  }

  async commit(): Promise<void> {
    await this.#transaction?.commit();
  }

  abandon(): void {
    void this.#transaction?.rollBack();
  }

  describeFailure(error: unknown): ReturnType<ResponseCommit['describeFailure']> {
    return describeFailure(error, this.#request);
  }
}

/** Logs the failure of a response that waited, and describes it as Nest describes exceptions. */
function describeFailure(
  error: unknown,
  request: object,
): ReturnType<ResponseCommit['describeFailure']> {
  if (!(error instanceof WxCloudStorageError)) logUnsent(error, request);
  const found = toLoggedException(error, request);
  // Others are the result of a failure that the handler has reported otherwise.
  const isServerError = found instanceof HttpException && found.getStatus() >= 500;
  const exception = isServerError ? found : new InternalServerErrorException();
  return { status: exception.getStatus(), text: JSON.stringify(exception.getResponse()) };
}
